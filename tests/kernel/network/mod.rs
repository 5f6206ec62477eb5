//! What addresses that move between hosts rest on. Each test has hosts of its own.

mod addresses;
mod binding;
mod host;
mod neighbours;

use std::time::Duration;

use halb::ring::clock;

use crate::rig::PATIENCE;

const VIRTUAL: &str = "10.0.0.100";
const VIRTUAL6: &str = "2001:db8::100";

/// Waits until it is so, and how long that took. A deadline makes a broken test fail.
fn wait_for(so: impl Fn() -> bool) -> Duration {
    let begun = clock::read().now;
    loop {
        let passed = clock::read().now.since(begun);
        if so() {
            return passed;
        }
        assert!(passed < PATIENCE, "it never is so");
        std::thread::yield_now();
    }
}
