//! What happened, for people: only kept when a run that failed is played again.

use std::fmt;

#[derive(Default)]
pub struct Trace {
    pub on: bool,
    pub lines: Vec<String>,
}

impl Trace {
    pub fn say(&mut self, now: u64, what: fmt::Arguments<'_>) {
        if self.on {
            let milliseconds = now / 1_000_000;
            let rest = now / 1_000 % 1_000;
            self.lines
                .push(format!("{milliseconds:>7}.{rest:03} ms  {what}"));
        }
    }
}
