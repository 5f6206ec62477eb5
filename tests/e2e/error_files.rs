//! Pages of the operator's own instead of HALB's words: `error_files`.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::backend::Refusing;
use crate::client::Response;
use crate::node::Node;
use crate::node::program;
use crate::process::Folder;
use crate::process::PATIENCE;

/// `error_files` with these pages.
fn property(pages: &[(u16, &Path)]) -> String {
    let pairs = pages
        .iter()
        .map(|(status, path)| format!("{status} = {path:?}"));
    format!(
        "error_files = {{ {} }}",
        pairs.collect::<Vec<_>>().join(", ")
    )
}

/// The answer to `method` when no output can be reached, twice on one connection.
fn unavailable(node: &Node, method: &str) -> Response {
    let mut client = node.connect();
    let mut ask = || {
        client.say(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        match method {
            "HEAD" => client.response_to_head(),
            _ => client.response(),
        }
    };
    ask();
    ask()
}

#[test]
fn a_page_is_served_with_its_status_type_and_body() {
    let folder = Folder::new();
    let json = folder.write("503.json", b"{\"sorry\": true}\n");
    let empty = folder.write("405.txt", b"");
    // Too long for a small buffer, and as long as a page may be.
    let long = vec![b'x'; 60_000];
    let html = folder.write("400.html", &long);
    let refusing = Refusing::new();
    let pages = property(&[(503, &json), (405, &empty), (400, &html)]);
    let node = Node::start(&[refusing.address], &pages);

    let response = unavailable(&node, "GET");
    assert_eq!(response.status, 503);
    assert_eq!(response.field("Content-Type"), Some("application/json"));
    assert_eq!(response.field("Retry-After"), Some("5"));
    assert_eq!(response.text(), "{\"sorry\": true}\n");
    let response = unavailable(&node, "HEAD");
    assert_eq!(response.field("Content-Length"), Some("16"));

    let mut client = node.connect();
    client.say("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.response();
    let plain = Some("text/plain; charset=utf-8");
    assert_eq!(
        (response.status, response.field("Content-Type")),
        (405, plain)
    );
    assert!(response.field("Allow").is_some() && response.body.is_empty());

    let mut client = node.connect();
    client.say("GET / HTTP/1.1\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.body == long), (400, true));
    client.is_closed();

    let mut client = node.connect();
    client.say("GET / HTTP/2.0\r\n\r\n");
    let response = client.response();
    assert!(response.status == 505 && response.text().contains("<h1>"));
    node.stop();
}

#[test]
fn a_file_that_cannot_be_a_page_is_a_mistake_with_its_place() {
    let folder = Folder::new();
    let long = folder.write("long.html", &[b'x'; 60_001]);
    let absent = folder.path("absent.html");
    let text = format!(
        "out1 = \"127.0.0.1:9\"\n{}\n",
        property(&[(502, &long), (503, &absent)])
    );
    let file = folder.write("halb.toml", text.as_bytes());
    let column = |path: &Path| {
        let line = text.lines().nth(1).unwrap();
        line.find(&format!("{path:?}")).unwrap() + 1
    };
    let (file, long_at, absent_at) = (file.display(), column(&long), column(&absent));
    for verb in ["check", "run"] {
        // `timeout`: a HALB that took the file would serve for ever.
        let mut command = Command::new("timeout");
        command.arg(PATIENCE.as_secs().to_string());
        command.arg(program().get_program()).args([verb, "-f"]);
        command.arg(file.to_string()).stdin(Stdio::null());
        let output = command.env_clear().output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{verb}");
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = format!(
            "{file}:2:{long_at}: error_files: {} is longer than 60000 bytes\n\
             {file}:2:{absent_at}: error_files: cannot read {}: No such file or directory (os error 2)\n\
             2 mistakes in the configuration\n",
            long.display(),
            absent.display(),
        );
        assert_eq!(said, expected, "{verb}");
    }
}
