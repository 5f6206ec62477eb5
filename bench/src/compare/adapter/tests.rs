use std::net::SocketAddr;
use std::path::Path;

use super::*;

fn places(folder: &Path, forwarded: bool) -> Places {
    Places {
        listen: SocketAddr::from(([127, 0, 0, 1], 8001)),
        origin: SocketAddr::from(([127, 0, 0, 1], 8002)),
        folder: folder.to_owned(),
        core: 3,
        forwarded,
        full: !forwarded,
        threads: 2,
    }
}

/// An adapter of these files.
fn adapter(files: &[(&str, &str)]) -> Result<Adapter, Trouble> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    from_folder(folder.path())
}

const PLAIN: &str = "name = \"one\"\nprogram = \"one\"\nversion = [\"-v\"]\n";

#[test]
fn every_built_in_contender_is_filled_in_whole() {
    let adapters = built_in().unwrap();
    let names: Vec<&str> = adapters.iter().map(|one| one.contender.name()).collect();
    assert_eq!(names, ["relay", "halb", "haproxy", "nginx"]);
    for (adapter, forwarded) in adapters.iter().flat_map(|one| [(one, true), (one, false)]) {
        let folder = tempfile::tempdir().unwrap();
        let arguments = adapter.prepare(&places(folder.path(), forwarded)).unwrap();
        assert!(!arguments.is_empty());
        for (name, _) in &adapter.templates {
            let path = folder.path().join(name);
            assert!(arguments.contains(&path.display().to_string()), "{name}");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains("127.0.0.1:8001") && text.contains("127.0.0.1:8002"));
            assert!(!text.contains("{{"), "{text}");
        }
    }
}

#[test]
fn places_are_what_they_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let nginx = built_in().unwrap().pop().unwrap();
    nginx.prepare(&places(folder.path(), true)).unwrap();
    let text = std::fs::read_to_string(folder.path().join("nginx.conf")).unwrap();
    assert!(text.contains("worker_cpu_affinity 1000;"));
    assert!(text.contains("X-Forwarded-For") && text.contains("access_log off"));
    nginx.prepare(&places(folder.path(), false)).unwrap();
    let text = std::fs::read_to_string(folder.path().join("nginx.conf")).unwrap();
    assert!(!text.contains("X-Forwarded-For") && !text.contains("access_log off"));
}

#[test]
fn a_folder_is_a_contender() {
    let description = format!(
        "{PLAIN}arguments = [\"{{{{a.conf}}}}\", \"{{{{threads}}}}\"]\ntemplates = [\"a.conf\"]"
    );
    let adapter = adapter(&[("adapter.toml", &description), ("a.conf", "to {{origin}}")]).unwrap();
    assert_eq!(adapter.contender, Contender::named("one"));
    let folder = tempfile::tempdir().unwrap();
    let arguments = adapter.prepare(&places(folder.path(), true)).unwrap();
    assert_eq!(arguments[1], "2");
    assert_eq!(
        std::fs::read_to_string(&arguments[0]).unwrap(),
        "to 127.0.0.1:8002\n"
    );
}

#[test]
fn what_is_not_understood_is_refused() {
    let refused = |files: &[(&str, &str)]| adapter(files).unwrap_err().to_string();
    assert!(refused(&[]).contains("adapter.toml"));
    let with = |rest: &str| refused(&[("adapter.toml", &format!("{PLAIN}{rest}"))]);
    assert!(with("arguments = []\nspeed = 3").contains("speed"));
    assert!(with("arguments = []\ntemplates = [\"../b\"]").contains("../b"));
    assert!(with("arguments = []\ntemplates = [\"none.conf\"]").contains("none.conf"));
    for name in ["direct", "station", "", "Two Words"] {
        let text = format!("name = \"{name}\"\nprogram = \"one\"\nversion = []\narguments = []");
        assert!(refused(&[("adapter.toml", &text)]).contains("cannot be called"));
    }
    let unknown = format!("{PLAIN}arguments = [\"{{{{speed}}}}\"]");
    let adapter = adapter(&[("adapter.toml", &unknown)]).unwrap();
    let trouble = adapter.prepare(&places(Path::new("."), true)).unwrap_err();
    assert_eq!(trouble.to_string(), "one: nobody fills in {{speed}}");
}

#[test]
fn a_build_without_optimisation_is_known_by_its_words_or_its_folder() {
    let text = "name = \"one\"\nprogram = \"echo\"\nversion = [\"1.0 -O0\"]\narguments = []\n";
    let quick = adapter(&[("adapter.toml", text)]).unwrap().version();
    assert_eq!((quick.line.as_str(), quick.slow), ("1.0 -O0", false));
    let text = format!("{text}slow_build = \" -O0\"");
    assert!(adapter(&[("adapter.toml", &text)]).unwrap().version().slow);
    assert!(in_debug_folder(Path::new("target/debug/halb")));
    assert!(!in_debug_folder(Path::new("target/release/halb")));
}
