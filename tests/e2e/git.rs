//! git over smart HTTP: what is cloned and what is pushed is the same on both sides.

use std::path::Path;
use std::process::Output;

use crate::lighttpd::Lighttpd;
use crate::node::Node;
use crate::process::Folder;
use crate::process::noise;
use crate::process::run;

/// More than git sends with a length when it is told to keep 200 kB at most.
const LARGE: usize = 300_000;

#[test]
fn a_clone_is_the_same_in_both_versions_of_the_protocol() {
    let server = Lighttpd::start();
    let folder = Folder::new();
    let (served, work) = (server.repository("one.git"), folder.path("work"));
    git(&["init", "-q", "--bare", "-b", "main", text(&served)]);
    git(&["clone", "-q", text(&served), text(&work)]);
    for (name, count) in [("small", 10), ("large", LARGE), ("larger", 3 * LARGE)] {
        commit(&work, name, count);
    }
    git(&["-C", text(&work), "push", "-q", "origin", "HEAD:main"]);
    let node = Node::start(&[server.address], "");
    let url = node.url("/git/one.git");
    for version in ["protocol.version=2", "protocol.version=0"] {
        let clone = folder.path(version);
        git(&["-c", version, "clone", "-q", &url, text(&clone)]);
        same(&clone, &served);
        run("diff", &["-r", "--exclude=.git", text(&work), text(&clone)]);
    }
    let shallow = folder.path("shallow");
    git(&["clone", "-q", "--depth", "1", &url, text(&shallow)]);
    git(&["-C", text(&shallow), "fetch", "-q", "--unshallow"]);
    same(&shallow, &served);
    node.stop();
}

#[test]
fn a_push_arrives_with_a_length_and_in_chunks() {
    let server = Lighttpd::start();
    let folder = Folder::new();
    let (served, clone) = (server.repository("one.git"), folder.path("clone"));
    git(&["init", "-q", "--bare", "-b", "main", text(&served)]);
    let node = Node::start(&[server.address], "");
    git(&["clone", "-q", &node.url("/git/one.git"), text(&clone)]);
    for (name, count, chunked) in [("small", 10, false), ("large", LARGE, true)] {
        commit(&clone, name, count);
        let pushed = git(&[
            "-c",
            "http.postBuffer=200000",
            "-C",
            text(&clone),
            "push",
            "-q",
            "origin",
            "HEAD:main",
        ]);
        let said = String::from_utf8_lossy(&pushed.stderr).to_lowercase();
        let in_chunks = said.contains("=> send header: transfer-encoding: chunked");
        assert_eq!(in_chunks, chunked, "{said}");
        same(&clone, &served);
    }
    node.stop();
}

/// Nothing is broken in either, and both have the same commit and the same objects.
fn same(clone: &Path, served: &Path) {
    let ask = |arguments: &[&str]| {
        let of = |repository| git(&[&["-C", text(repository)], arguments].concat()).stdout;
        assert!(
            of(clone) == of(served),
            "{arguments:?} of {clone:?} differs"
        );
    };
    git(&["-C", text(clone), "fsck", "--full", "--strict"]);
    git(&["-C", text(served), "fsck", "--full", "--strict"]);
    ask(&["rev-parse", "HEAD"]);
    ask(&["cat-file", "--batch-all-objects", "--batch-check"]);
}

fn commit(repository: &Path, name: &str, count: usize) {
    std::fs::write(repository.join(name), noise(count)).unwrap();
    git(&["-C", text(repository), "add", name]);
    git(&["-C", text(repository), "commit", "-q", "-m", name]);
}

/// git as it comes, whatever the person who tests has made of it, telling what it says over HTTP.
fn git(arguments: &[&str]) -> Output {
    let surroundings = [
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_CONFIG_SYSTEM=/dev/null",
        "GIT_AUTHOR_NAME=test",
        "GIT_AUTHOR_EMAIL=test@localhost",
        "GIT_COMMITTER_NAME=test",
        "GIT_COMMITTER_EMAIL=test@localhost",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_TRACE_CURL=1",
        "GIT_TRACE_CURL_NO_DATA=1",
        "git",
    ];
    run("env", &[&surroundings, arguments].concat())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
