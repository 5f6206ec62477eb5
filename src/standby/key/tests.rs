//! What is a key file and what is not.

use std::collections::BTreeSet;
use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

/// A file that is gone when the test is.
struct Held(PathBuf);

impl Held {
    fn new(name: &str, text: &[u8], mode: u32) -> Held {
        let name = format!("halb-key-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        Held(path)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn what_is_written_is_read() {
    let key = Key::draw().unwrap();
    assert!(!key.is(&Key::draw().unwrap()), "two of them differ");
    let held = Held::new("whole", key.text().as_bytes(), 0o600);
    assert!(key.is(&Key::read(&held.0).unwrap()));
    let without_end = Held::new("no-end", key.text().trim_end().as_bytes(), 0o400);
    assert!(key.is(&Key::read(&without_end.0).unwrap()));
}

#[test]
fn anything_else_is_refused_with_a_sentence() {
    let text = Key::draw().unwrap().text();
    let open = Held::new("open", text.as_bytes(), 0o640);
    assert!(matches!(Key::read(&open.0), Err(NoKey::Open)));
    let missing = PathBuf::from("/nowhere/at/all");
    assert!(matches!(Key::read(&missing), Err(NoKey::Missing)));
    let folder = std::env::temp_dir();
    assert!(matches!(Key::read(&folder), Err(NoKey::Malformed)));
    let more = format!("{text}\n");
    let upper = text.replace(|c: char| c.is_ascii_digit(), "A");
    for (name, wrong) in [
        ("empty", ""),
        ("short", &text[..text.len() - 2]),
        ("more", &more),
        ("upper", &upper),
        ("other", &text.replace("key 1", "key 2")),
    ] {
        let held = Held::new(name, wrong.as_bytes(), 0o600);
        let read = Key::read(&held.0);
        assert!(matches!(read, Err(NoKey::Malformed)), "{name}: {read:?}");
    }
}

#[test]
fn each_use_has_a_key_of_its_own() {
    let key = Key([7; LENGTH]);
    let uses = [Use::Adverts, Use::Stream, Use::Sessions, Use::Comparison];
    let all = uses.map(|purpose| key.derive(purpose));
    assert_eq!(BTreeSet::from(all).len(), uses.len());
    assert!(all.iter().all(|derived| *derived != key.0));
    assert_eq!(all[0], Key([7; LENGTH]).derive(Use::Adverts), "everywhere");
    assert_eq!(format!("{key:?}"), "Key", "it is never printed");
}
