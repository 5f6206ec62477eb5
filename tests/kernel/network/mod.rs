//! What addresses that move between hosts rest on. Each test has hosts of its own.

mod addresses;
mod binding;
mod host;
mod neighbours;

const VIRTUAL: &str = "10.0.0.100";
const VIRTUAL6: &str = "2001:db8::100";
