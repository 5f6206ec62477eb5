//! What makes figures worthless and can be seen before the first run.

use std::time::Duration;

use crate::compare::adapter::Version;
use crate::interrupt::Interrupt;
use crate::machine::cpu;
use crate::machine::monotonic_nanos;
use crate::machine::process::spent;
use crate::process::Deadline;
use crate::record::contender::Contender;
use crate::trouble::Trouble;
use crate::trouble::While;

/// So long the machine is watched.
const WATCH: Duration = Duration::from_secs(1);
/// More than this of one core, used by others, and the machine is busy.
const BUSY_MAX: f64 = 0.10;

/// Everything that is wrong, a sentence each.
pub fn doubts(
    cores: &[usize],
    versions: &[(Contender, Version)],
    interrupt: &Interrupt,
) -> Result<Vec<String>, Trouble> {
    let mut found = Vec::new();
    found.extend(busy(others(interrupt)?));
    for core in cores {
        let path = format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor");
        // Many virtual machines have no such file: then the host decides, and nobody can tell.
        let governor = std::fs::read_to_string(path).unwrap_or_default();
        found.extend(wrong_governor(*core, governor.trim()));
    }
    let slow = versions.iter().filter(|(_, version)| version.slow);
    found.extend(slow.map(|(name, _)| format!("{name} is a build without optimisation")));
    if cfg!(debug_assertions) {
        found.push("halb-bench itself is a build without optimisation".to_owned());
    }
    Ok(found)
}

/// What the person reads when nothing is measured.
pub fn refuse(doubts: &[String]) -> Trouble {
    let list = doubts.join("; ");
    Trouble::new(format!(
        "figures would be worth nothing: {list}. With --even-if-busy it is measured all the same, and the record \
         says so"
    ))
}

fn busy(others: f64) -> Option<String> {
    let percent = others * 100.0;
    (others > BUSY_MAX).then(|| format!("the machine is busy: others use {percent:.0} % of a core"))
}

fn wrong_governor(core: usize, governor: &str) -> Option<String> {
    let right = governor.is_empty() || governor == "performance";
    (!right)
        .then(|| format!("the frequency governor of core {core} is {governor}, not performance"))
}

/// How much of a core others use, watched for a while.
fn others(interrupt: &Interrupt) -> Result<f64, Trouble> {
    let own = [i32::try_from(std::process::id()).during("naming this process")?];
    let before = (
        monotonic_nanos().during("reading the clock")?,
        cpu::read()?,
        spent(&own)?,
    );
    interrupt.pause(&Deadline::after(WATCH))?;
    let after = (
        monotonic_nanos().during("reading the clock")?,
        cpu::read()?,
        spent(&own)?,
    );
    let wall_ns = after.0.saturating_sub(before.0).max(1);
    let uses = cpu::between(&before.1, &after.1, wall_ns);
    let busy_ns: u64 = uses.iter().map(|core| core.busy_ns).sum();
    let own_ns = after.2.since(&before.2).total_ns;
    Ok(busy_ns.saturating_sub(own_ns) as f64 / wall_ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_and_a_wrong_governor_are_told() {
        assert_eq!(busy(0.09), None);
        assert_eq!(
            busy(0.5).unwrap(),
            "the machine is busy: others use 50 % of a core"
        );
        assert_eq!(wrong_governor(0, "performance"), None);
        assert_eq!(wrong_governor(0, ""), None);
        assert!(
            wrong_governor(1, "powersave")
                .unwrap()
                .contains("core 1 is powersave")
        );
    }

    #[test]
    fn the_person_reads_what_is_wrong_and_how_to_go_on() {
        let text = refuse(&["one".to_owned(), "two".to_owned()]).to_string();
        assert!(
            text.contains("one; two") && text.contains("--even-if-busy"),
            "{text}"
        );
    }
}
