//! The usual load generators, for a moment each: no error, with one worker and with two.

use std::net::SocketAddr;

use crate::nginx::Nginx;
use crate::node::Node;
use crate::process::says;

fn in_front_of_three(test: impl Fn(&str)) {
    let servers = ["one", "two", "three"].map(Nginx::start);
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    for workers in ["workers = 1", "workers = 2"] {
        let node = Node::start(&addresses, workers);
        test(&node.url("/"));
        node.stop();
    }
}

#[test]
fn h2load_sees_no_error() {
    in_front_of_three(|url| {
        let said = says(
            "h2load",
            &["--h1", "-n", "5000", "-c", "32", "-m", "1", url],
        );
        assert!(
            said.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"),
            "{said}"
        );
        assert!(
            said.contains("status codes: 5000 2xx, 0 3xx, 0 4xx, 0 5xx"),
            "{said}"
        );
    });
}

#[test]
fn h2load_may_pipeline() {
    in_front_of_three(|url| {
        let said = says(
            "h2load",
            &["--h1", "-n", "5000", "-c", "8", "-m", "16", url],
        );
        assert!(
            said.contains("status codes: 5000 2xx, 0 3xx, 0 4xx, 0 5xx"),
            "{said}"
        );
    });
}

#[test]
fn wrk_sees_no_error() {
    in_front_of_three(|url| {
        let said = says("wrk", &["-t", "2", "-c", "32", "-d", "2s", url]);
        assert!(said.contains("Requests/sec:"), "{said}");
        assert!(
            !said.contains("Socket errors") && !said.contains("Non-2xx"),
            "{said}"
        );
    });
}

#[test]
fn ab_sees_no_error_whether_it_keeps_connections_or_not() {
    in_front_of_three(|url| {
        for keep in [&["-k"][..], &[]] {
            // Without -l it takes answers of different lengths for errors.
            let arguments = [keep, &["-q", "-l", "-n", "2000", "-c", "16", url]].concat();
            let said = says("ab", &arguments);
            assert!(said.contains("Complete requests:      2000"), "{said}");
            assert!(said.contains("Failed requests:        0"), "{said}");
            assert!(!said.contains("Non-2xx"), "{said}");
        }
    });
}
