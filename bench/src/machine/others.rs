//! Who else used the machine while something was measured.

use crate::machine::TICK_NANOS;
use crate::machine::monotonic_nanos;
use crate::machine::process::used_by_others;
use crate::trouble::Trouble;
use crate::trouble::While;

/// All processes but those that take part, watched from here on.
pub struct Others {
    known: Vec<i32>,
    at_ns: u64,
    ticks: u64,
}

impl Others {
    /// Begins to watch. Of those that take part this one is, too.
    pub fn begin(taking_part: &[&[i32]]) -> Result<Others, Trouble> {
        let mut known: Vec<i32> = taking_part.concat();
        known.push(i32::try_from(std::process::id()).during("naming this process")?);
        Ok(Others {
            at_ns: monotonic_nanos().during("reading the clock")?,
            ticks: used_by_others(&known)?,
            known,
        })
    }

    /// What the others used since, as a part of one core.
    pub fn used(&self) -> Result<f64, Trouble> {
        let wall_ns = monotonic_nanos().during("reading the clock")? - self.at_ns;
        let ticks = used_by_others(&self.known)?.saturating_sub(self.ticks);
        Ok((ticks * TICK_NANOS) as f64 / wall_ns.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::process::Deadline;

    #[test]
    fn a_process_that_takes_no_part_is_seen_and_one_that_does_is_not() {
        // It uses its core until it is told to end, so that what is waited for comes.
        let mut busy = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap();
        let own = i32::try_from(busy.id()).unwrap();
        let (all, but_it) = (
            Others::begin(&[]).unwrap(),
            Others::begin(&[&[own]]).unwrap(),
        );
        let used = |others: &Others| used_by_others(&others.known).unwrap() - others.ticks;
        let deadline = Deadline::after(Duration::from_secs(20));
        let mut seen = 0;
        while seen < 5 && !deadline.reached() {
            let without = used(&but_it);
            seen = used(&all).saturating_sub(without);
        }
        let all = all.used().unwrap();
        busy.kill().unwrap();
        busy.wait().unwrap();
        assert!(seen >= 5 && all > 0.0, "{seen} ticks, {all} of a core");
    }
}
