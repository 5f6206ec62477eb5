//! Server-sent events with real programs on both sides: each arrives before the next is said.

use std::process::Command;

use crate::node::Node;
use crate::process::Process;
use crate::process::says;
use crate::python::Python;

const EVENTS: usize = 20;

#[test]
fn every_event_arrives_before_the_next_is_said() {
    let server = Python::start();
    let node = Node::start(&[server.address], "");
    for framing in ["chunked", "until-close"] {
        for version in ["--http1.1", "--http1.0"] {
            let mut command = Command::new("curl");
            command.args(["-sSfN", version, &node.url(&format!("/events/{framing}"))]);
            let mut client = Process::start(&mut command);
            for number in 0..EVENTS {
                assert_eq!(client.line("data: "), number.to_string());
                // The server says the next one when it hears of this one.
                says("curl", &["-sSf", &node.url("/seen")]);
            }
            assert_eq!(client.line("data: "), "end");
            assert!(client.end().success(), "{}", client.history());
        }
    }
    node.stop();
}
