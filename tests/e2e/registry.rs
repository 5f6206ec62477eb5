//! A real Docker registry, and uploads to it as docker makes them.

use std::net::SocketAddr;
use std::process::Command;
use std::process::Stdio;

use crate::client::field;
use crate::node::Node;
use crate::process::Folder;
use crate::process::Process;
use crate::process::noise;
use crate::process::run;
use crate::process::says;

#[test]
fn uploads_in_chunks_of_unknown_length_have_the_digest_that_was_sent() {
    let registry = Registry::start();
    let node = Node::start(&[registry.address], "");
    let folder = Folder::new();
    let image = node.url("/v2/some/image");
    let content = noise(3_000_000);
    let digest = digest_of(&folder, &content);
    let mut place = begin(&image);
    for (number, piece) in content.chunks(1_000_000).enumerate() {
        let file = folder.write("piece", piece);
        let (status, head) = upload("PATCH", file.to_str().unwrap(), &place);
        assert_eq!(status, 202, "{head}");
        let range = format!("0-{}", (number + 1) * 1_000_000 - 1);
        assert_eq!(field(&head, "Range"), Some(range.as_str()));
        place = location(&image, &head);
    }
    let (status, head) = upload("PUT", "/dev/null", &with_digest(&place, &digest));
    assert_eq!(status, 201, "{head}");
    assert_eq!(field(&head, "Docker-Content-Digest"), Some(digest.as_str()));
    let url = format!("{image}/blobs/{digest}");
    assert!(run("curl", &["-sSf", &url]).stdout == content);
    node.stop();
}

#[test]
fn an_upload_in_one_request_and_one_with_a_wrong_digest() {
    let registry = Registry::start();
    let node = Node::start(&[registry.address], "");
    let folder = Folder::new();
    let image = node.url("/v2/some/image");
    let content = noise(500_000);
    let digest = digest_of(&folder, &content);
    let file = folder.path("content");
    let file = file.to_str().unwrap();
    let (status, head) = upload("PUT", file, &with_digest(&begin(&image), &digest));
    assert_eq!(status, 201, "{head}");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let (status, head) = upload("PUT", file, &with_digest(&begin(&image), &wrong));
    assert_eq!(status, 400, "{head}");
    assert!(head.contains("DIGEST_INVALID"), "{head}");
    node.stop();
}

struct Registry {
    address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Registry {
    fn start() -> Registry {
        let folder = Folder::new();
        let store = folder.path("store").display().to_string();
        let text = format!(
            "version: 0.1\n\
             storage: {{ filesystem: {{ rootdirectory: \"{store}\" }} }}\n\
             http: {{ addr: \"127.0.0.1:0\", secret: test }}\n\
             log: {{ level: info, formatter: json, accesslog: {{ disabled: true }} }}\n"
        );
        let file = folder.write("registry.yml", text.as_bytes());
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(file).stdin(Stdio::null());
        let mut process = Process::start(&mut command);
        let address = loop {
            let line = process.line("{");
            if let Some((_, rest)) = line.split_once("\"listening on ") {
                break rest.split('"').next().unwrap().parse().unwrap();
            }
        };
        Registry {
            address,
            _process: process,
            _folder: folder,
        }
    }
}

/// Where an upload may begin.
fn begin(image: &str) -> String {
    let head = says(
        "curl",
        &["-sSfi", "-X", "POST", &format!("{image}/blobs/uploads/")],
    );
    location(image, &head)
}

/// Where it goes on: the registry makes that of the host that the client asked.
fn location(image: &str, head: &str) -> String {
    let place = field(head, "Location").unwrap();
    assert!(
        place.starts_with(&format!("{image}/blobs/uploads/")),
        "{place}"
    );
    place.to_owned()
}

/// Sends a file without saying how long it is; status and whole answer.
fn upload(method: &str, file: &str, place: &str) -> (u16, String) {
    let unknown_length = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"];
    let kind = ["-H", "Content-Type: application/octet-stream"];
    let request = ["-sSi", "-X", method, "-T", file, place];
    let said = says("curl", &[&request[..], &unknown_length, &kind].concat());
    (said[9..12].parse().unwrap(), said)
}

fn with_digest(place: &str, digest: &str) -> String {
    let mark = if place.contains('?') { '&' } else { '?' };
    format!("{place}{mark}digest={digest}")
}

/// Writes the file `content`; what a registry calls it.
fn digest_of(folder: &Folder, content: &[u8]) -> String {
    let file = folder.write("content", content);
    let sum = says("sha256sum", &[file.to_str().unwrap()]);
    format!("sha256:{}", sum.split(' ').next().unwrap())
}
