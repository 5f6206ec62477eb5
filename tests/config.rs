//! The configuration as a user meets it: the real binary, its output and its exit code.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

/// Where the golden cases are. The binary runs there, so that names in its output are short.
fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// The binary with an environment of nothing but `variables`.
fn halb(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halb"));
    command
        .current_dir(cases())
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied());
    command.output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// The line of `halb config` for one property.
fn line(printed: &str, name: &str) -> String {
    let prefix = format!("{name} = ");
    let found = printed.lines().find(|line| line.starts_with(&prefix));
    found
        .unwrap_or_else(|| panic!("no {name} in\n{printed}"))
        .to_owned()
}

/// The value and the origin in such a line.
fn value_and_origin(printed: &str, name: &str) -> (String, String) {
    let line = line(printed, name);
    let (value, origin) = line.split_once(" # ").expect("an origin");
    let value = value.trim_end().rsplit(" = ").next().unwrap_or_default();
    (value.to_owned(), origin.to_owned())
}

/// What the first lines of a case ask for: `#: ARGUMENTS` and `#: NAME=VALUE` for the environment.
struct Case {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

fn case(text: &str, file: &str) -> Case {
    let mut arguments = Vec::new();
    let mut variables = Vec::new();
    for word in text
        .lines()
        .filter_map(|line| line.strip_prefix("#: "))
        .flat_map(str::split_whitespace)
    {
        match word.split_once('=') {
            Some((name, value)) if name.starts_with("HALB_") => {
                variables.push((name.to_owned(), value.to_owned()));
            }
            _ => arguments.push(word.to_owned()),
        }
    }
    if arguments.is_empty() {
        arguments.push("check".to_owned());
    }
    arguments.extend(["-f".to_owned(), file.to_owned()]);
    Case {
        arguments,
        variables,
    }
}

/// Each `NAME.toml` gives exactly `NAME.txt`. `UPDATE_GOLDEN=1` writes what it gave; read the diff.
#[test]
fn each_golden_case_gives_its_listing() {
    let mut files: Vec<PathBuf> = fs::read_dir(cases())
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    assert!(files.len() >= 10, "the cases are there");
    let mut wrong = Vec::new();
    for path in files {
        let bytes = fs::read(&path).expect("a case");
        let text = String::from_utf8_lossy(&bytes);
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        let case = case(&text, name);
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let variables: Vec<(&str, &str)> = case
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let output = halb(&arguments, &variables);
        let exit = code(&output).expect("no signal");
        let got = format!("{}{}exit {exit}\n", stderr(&output), stdout(&output));
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &got).expect("the listing can be written");
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if got != expected {
            wrong.push(format!("{name}: expected\n{expected}got\n{got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// SPEC 9, word for word: what the seed's program said, then the cause.
#[test]
fn the_seeds_own_messages_are_kept() {
    let messages = [
        ("mode=x", "Error: invalid operation mode specified: "),
        (
            "healthcheck_method=x",
            "Error: unknown health check method x specified.: ",
        ),
        (
            "healthcheck_url=x",
            "Error: the healthcheck_url, when specified as an URL, must begin with http:// and \
             contain a full path to the document ( ex: \
             http://host.name.domain/file/to/check/for.html ).: ",
        ),
        (
            "ui_port=0",
            "Error: ui_port value must be between 1 and 65535.: ",
        ),
        (
            "ctl_port=65536",
            "Error: ctl_port value must be between 1 and 65535.: ",
        ),
    ];
    for verb in ["check", "config", "run"] {
        for (setting, message) in messages {
            let output = halb(&[verb, "-f", "good.toml", "--set", setting], &[]);
            let name = setting.split('=').next().unwrap_or_default();
            let listing = stderr(&output);
            assert!(
                listing.starts_with(&format!("command line --set {name}: {message}")),
                "{listing}"
            );
            assert_eq!(code(&output), Some(1), "{verb} --set {setting}");
            assert_eq!(stdout(&output), "");
        }
    }
}

#[test]
fn the_command_line_stands_above_the_environment_and_that_above_the_file() {
    let plain = stdout(&halb(&["config", "-f", "good.toml"], &[]));
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(
        value_and_origin(&plain, "mode"),
        pair("\"insert\"", "file good.toml:3")
    );
    assert_eq!(value_and_origin(&plain, "grace"), pair("30", "default"));
    let variables = [("HALB_MODE", "sync")];
    let above = stdout(&halb(&["config", "-f", "good.toml"], &variables));
    assert_eq!(
        value_and_origin(&above, "mode"),
        pair("\"sync\"", "environment HALB_MODE")
    );
    let sets = [
        "config",
        "-f",
        "good.toml",
        "--set",
        "mode=source",
        "--set",
        "mode=passive",
    ];
    let highest = stdout(&halb(&sets, &variables));
    assert_eq!(
        value_and_origin(&highest, "mode"),
        pair("\"passive\"", "command line")
    );
}

#[test]
fn what_differs_on_a_server_stands_between_file_and_environment() {
    let on = |node: &str, variables: &[(&str, &str)]| {
        stdout(&halb(
            &["config", "-f", "domain.toml", "--node", node],
            variables,
        ))
    };
    let origin = "set of server lb1, file domain.toml:20".to_owned();
    assert_eq!(
        value_and_origin(&on("lb1", &[]), "ui"),
        ("\"10.0.0.11\"".to_owned(), origin)
    );
    let (value, origin) = value_and_origin(&on("lb2", &[]), "ui");
    assert_eq!(
        (value.as_str(), origin.as_str()),
        ("\"127.0.0.1\"", "file domain.toml:4")
    );
    let (value, origin) = value_and_origin(&on("lb1", &[("HALB_UI", "10.9.9.9")]), "ui");
    assert_eq!(
        (value.as_str(), origin.as_str()),
        ("\"10.9.9.9\"", "environment HALB_UI")
    );
    // The variable says which server this is; the option stands above it.
    let named = halb(&["config", "-f", "domain.toml"], &[("HALB_NODE", "lb2")]);
    assert!(stdout(&named).contains("# this server is lb2\n"));
    let named = on("lb1", &[("HALB_NODE", "lb2")]);
    assert!(named.contains("# this server is lb1\n"));
}

#[test]
fn a_server_that_is_none_of_the_domain_is_a_mistake() {
    let output = halb(&["check", "-f", "domain.toml", "--node", "lb9"], &[]);
    assert_eq!(code(&output), Some(1));
    let message = "command line --node: \"lb9\" is none of the domain's servers (lb1, lb2)\n";
    assert!(stderr(&output).contains(message), "{}", stderr(&output));
    let output = halb(&["check", "-f", "domain.toml"], &[("HALB_NODE", "lb9")]);
    assert_eq!(code(&output), Some(1));
    assert!(stderr(&output).contains("environment HALB_NODE: \"lb9\" is none"));
}

#[test]
fn unknown_variables_warn_and_those_of_kubernetes_are_silent() {
    let injected = [
        ("HALB_SERVICE_HOST", "10.96.0.7"),
        ("HALB_SERVICE_PORT", "80"),
        ("HALB_SERVICE_PORT_HTTP", "80"),
        ("HALB_PORT", "tcp://10.96.0.7:80"),
        ("HALB_PORT_80_TCP", "tcp://10.96.0.7:80"),
        ("HALB_PORT_80_TCP_ADDR", "10.96.0.7"),
        ("HALB_NODE", "lb1"),
        ("OTHER", "x"),
    ];
    let output = halb(&["check", "-f", "good.toml"], &injected);
    assert_eq!(stderr(&output), "");
    assert_eq!(stdout(&output), "Configuration file is valid\n");
    let unknown = [("HALB_MDOE", "sync"), ("HALB_mode", "sync")];
    let output = halb(&["check", "-f", "good.toml"], &unknown);
    assert_eq!(
        stderr(&output),
        "environment HALB_MDOE: warning: unknown variable: the nearest known one is HALB_MODE\n\
         environment HALB_mode: warning: unknown variable: the nearest known one is HALB_MODE\n"
    );
    assert_eq!(
        stdout(&output),
        "Configuration file is valid, with 2 warnings\n"
    );
    assert_eq!(code(&output), Some(0));
}

#[test]
fn the_domain_is_the_file_s_alone() {
    let arguments = [
        "check",
        "-f",
        "domain.toml",
        "--node",
        "lb1",
        "--set",
        "domain.main=lb2",
    ];
    let output = halb(&arguments, &[("HALB_DOMAIN_NAME", "x")]);
    assert_eq!(
        stderr(&output),
        "environment HALB_DOMAIN_NAME: domain.name can stand in the file alone: the domain is the \
         same on all its servers\n\
         command line --set domain.main: domain.main can stand in the file alone: the domain is \
         the same on all its servers\n\
         2 mistakes in the configuration\n"
    );
}

#[test]
fn outputs_can_be_given_and_taken_away_from_outside() {
    let table = "out5={ address = 'web5', weight = 3 }";
    let arguments = [
        "config",
        "-f",
        "good.toml",
        "--set",
        table,
        "--set",
        "out1=",
    ];
    let printed = stdout(&halb(&arguments, &[("HALB_OUT4", "web4:81")]));
    assert!(!printed.contains("\nout1 = "), "{printed}");
    assert_eq!(value_and_origin(&printed, "out4").0, "\"web4:81\"");
    assert!(
        line(&printed, "out5").contains("address = \"web5:80\", weight = 3"),
        "{printed}"
    );
}

#[test]
fn secrets_are_never_shown() {
    let secrets = ["hush-1", "hush-2", "hush-3"];
    let variables = [("HALB_PASSWORD", secrets[0])];
    let set = format!("ctl_token={}", secrets[1]);
    let arguments = [
        "config",
        "-f",
        "domain.toml",
        "--node",
        "lb2",
        "--set",
        &set,
    ];
    let output = halb(&arguments, &variables);
    let all = stdout(&output) + &stderr(&output);
    assert_eq!(value_and_origin(&all, "password").0, "\"***\"");
    assert_eq!(value_and_origin(&all, "ctl_token").0, "\"***\"");
    for secret in secrets {
        assert!(!all.contains(secret), "{all}");
    }
    // Nor is a wrong one.
    let output = halb(
        &["check", "-f", "good.toml", "--set", "ctl_token=hush hush"],
        &[],
    );
    assert_eq!(code(&output), Some(1));
    assert!(!stderr(&output).contains("hush"), "{}", stderr(&output));
}

/// The values that `halb config` printed, without their origins.
fn values(printed: &str) -> Vec<&str> {
    let lines = printed.lines().filter(|line| line.contains(" = "));
    lines
        .map(|line| line.split(" # ").next().unwrap_or_default().trim())
        .collect()
}

#[test]
fn what_is_printed_is_a_configuration_again_but_for_its_secrets() {
    for (file, node) in [("good.toml", &[][..]), ("domain.toml", &["--node", "lb1"])] {
        let print = |file: &str| halb(&[&["config", "-f", file], node].concat(), &[]);
        let printed = stdout(&print(file));
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        let name = copy.to_str().expect("UTF-8");
        fs::write(&copy, &printed).expect("a temporary file");
        let masked = print(name);
        let secrets = printed.matches("\"***\"").count();
        let refused = stderr(&masked).matches("in place of the value").count();
        assert_eq!(refused, secrets, "{}", stderr(&masked));
        fs::write(&copy, printed.replace("***", "hush")).expect("a temporary file");
        let again = print(name);
        assert_eq!(code(&again), Some(0), "{}", stderr(&again));
        assert_eq!(values(&stdout(&again)), values(&printed));
    }
}

#[test]
fn checking_has_haproxy_s_spelling_too() {
    for arguments in [&["check"][..], &["-c"], &["run", "-c"], &["-c", "run"]] {
        let output = halb(&[arguments, &["-f", "good.toml"]].concat(), &[]);
        assert_eq!(stdout(&output), "Configuration file is valid\n");
        assert_eq!(code(&output), Some(0));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_said_to_be_so() {
    for verb in ["check", "config", "run"] {
        let output = halb(&[verb, "-f", "absent.toml"], &[("HALB_OUT1", "web")]);
        assert_eq!(
            stderr(&output),
            "cannot read absent.toml: No such file or directory (os error 2) \
             (-f FILE names the configuration file)\n"
        );
        assert_eq!(code(&output), Some(1));
    }
    let output = halb(&["check", "-f", "."], &[]);
    assert!(
        stderr(&output).starts_with("cannot read .: Is a directory"),
        "{}",
        stderr(&output)
    );
    let output = halb(&["check", "-f", "/dev/zero"], &[]);
    assert!(
        stderr(&output).contains("longer than 1 MiB"),
        "{}",
        stderr(&output)
    );
}

/// A parser that calls itself for each bracket would end the program here.
#[test]
fn depth_is_a_mistake_and_no_crash() {
    let deep = [
        format!("mode = {}{}\n", "[".repeat(100_000), "]".repeat(100_000)),
        format!("mode{} = 1\n", ".a".repeat(100_000)),
        format!("[domain{}]\nx = 1\n", ".a".repeat(100_000)),
        format!(
            "healthcheck_regexp = '{}{}'\n",
            "(".repeat(100_000),
            ")".repeat(100_000)
        ),
    ];
    for (index, text) in deep.iter().enumerate() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("deep-{index}.toml"));
        fs::write(&path, format!("out1 = 'web1'\n{text}")).expect("a temporary file");
        let output = halb(&["check", "-f", path.to_str().expect("UTF-8")], &[]);
        assert_eq!(code(&output), Some(1), "{index}");
        assert!(
            stderr(&output).ends_with("\n1 mistake in the configuration\n"),
            "{index}"
        );
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["--set", "mode", "check"][..],
        &["ctl"],
        &["--nonsense"],
        &["check", "extra"],
        &["completions", "nosuchshell"],
    ] {
        let output = halb(arguments, &[]);
        assert_eq!(code(&output), Some(2), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn version_completions_and_manual_are_printed() {
    let output = halb(&["--version"], &[]);
    assert_eq!(
        stdout(&output),
        concat!("halb ", env!("CARGO_PKG_VERSION"), "\n")
    );
    for (arguments, part) in [
        (&["completions", "bash"][..], "_halb()"),
        (&["completions", "zsh"], "#compdef halb"),
        (&["completions", "fish"], "complete -c halb"),
        (&["man"], ".TH halb"),
    ] {
        let output = halb(arguments, &[]);
        assert_eq!(code(&output), Some(0));
        assert!(stdout(&output).contains(part), "{arguments:?}");
    }
}
