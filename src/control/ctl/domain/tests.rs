use super::*;

fn read(path: &str, query: &str) -> Option<Asked> {
    Asked::read(path, query).and_then(Result::ok)
}

#[test]
fn what_is_asked_is_read() {
    let here = |verb| Some(Asked { verb, node: None });
    for (path, query, expected) in [
        ("status", "", here(Verb::Status)),
        ("activate", "", here(Verb::Activate { cut: true })),
        ("activate", "no_cut", here(Verb::Activate { cut: false })),
        ("activate", "no_cut=0", here(Verb::Activate { cut: true })),
        ("apply", "yes=1", here(Verb::Apply { yes: true })),
        ("ack", "", here(Verb::Acknowledge)),
        (
            "diff",
            "of=lb2",
            here(Verb::Diff {
                of: Some("lb2".to_owned()),
            }),
        ),
        (
            "report-failure",
            "text=disk%20%26%20fan",
            here(Verb::ReportFailure {
                text: "disk & fan".to_owned(),
            }),
        ),
        (
            "maintenance",
            "set=off&of=lb2&node=lb3",
            Some(Asked {
                verb: Verb::Maintenance {
                    of: Some("lb2".to_owned()),
                    on: false,
                    force: false,
                },
                node: Some("lb3".to_owned()),
            }),
        ),
        ("maintenance", "", None),
        ("maintenance", "set=perhaps", None),
        ("report-failure", "", None),
        ("activate", "no_cut=2", None),
        ("status", "more=1", None),
        ("status", "node=%ff", None),
        ("ack", "node=a&node=b", None),
        // What has secrets in it is for other servers alone.
        ("text", "", None),
        ("", "", None),
    ] {
        assert_eq!(read(path, query), expected, "{path}?{query}");
    }
    assert!(
        Asked::read("nothing", "").is_none(),
        "unknown, not malformed"
    );
    assert!(Asked::read("activate", "x=1").unwrap().is_err());
}

#[test]
fn what_changes_something_is_known() {
    for (path, query, changes) in [
        ("status", "", false),
        ("diff", "", false),
        ("activate", "", true),
        ("maintenance", "set=on", true),
        ("report-failure", "text=a", true),
        ("ack", "", true),
        ("apply", "", true),
    ] {
        assert_eq!(read(path, query).unwrap().changes(), changes, "{path}");
    }
}
