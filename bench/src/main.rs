//! The harness: HALB beside its peers on one machine.
fn main() {}
