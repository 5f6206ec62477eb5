//! What has to be so before anything is verified. Each refusal says what to do.

use std::time::Duration;

use crate::allotment::Group;
use crate::crew::Crew;
use crate::crew::share::Need;
use crate::machine::cpu;
use crate::machine::monotonic_nanos;
use crate::process::Deadline;
use crate::station::order::Kind;
use crate::trouble::Trouble;
use crate::trouble::While;
use crate::verify::Plan;
use crate::verify::wanted::Wanted;

/// How long the machine is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// More than this of one core, used by others, and a failed check would prove nothing.
const OTHERS_MAX: f64 = 0.15;
/// HALB starts at most so many workers for the sake of their descriptors: each has a table of its own.
const WORKERS_MAX: u64 = 16;
/// What a worker has open besides connections, of which a session in transfer needs two.
const WORKER_FILES: u64 = 712;

/// Refuses what would make the verdicts worthless; what the person wants to overlook comes back as warnings.
pub fn check(plan: &Plan) -> Result<Vec<String>, Trouble> {
    let mut warnings = Vec::new();
    if cfg!(debug_assertions) {
        let text = "halb-bench is a debug build, too slow to offer so much";
        overlook(
            plan.even_if_debug,
            text,
            "build it with --release",
            &mut warnings,
        )?;
    }
    Group::create("trial", &plan.wanted.small)?;
    let others = others_busy()?;
    if others > OTHERS_MAX {
        let text = format!("others use {:.0} % of a core", others * 100.0);
        let advice = "wait until they have ended, or add --even-if-busy";
        overlook(plan.even_if_busy, &text, advice, &mut warnings)?;
    }
    Ok(warnings)
}

fn overlook(
    wanted: bool,
    text: &str,
    advice: &str,
    warnings: &mut Vec<String>,
) -> Result<(), Trouble> {
    if !wanted {
        return Err(Trouble::new(format!("{text}: {advice}")));
    }
    warnings.push(text.to_owned());
    Ok(())
}

/// How many stations hold all sessions. Refuses when HALB may not have as many connections.
pub fn stations(files: u64, wanted: &Wanted) -> Result<usize, Trouble> {
    let workers = WORKERS_MAX * files.saturating_sub(WORKER_FILES) / 2;
    if workers < wanted.sessions as u64 {
        let least = 2 * (wanted.sessions as u64).div_ceil(WORKERS_MAX) + WORKER_FILES;
        return Err(Trouble::new(format!(
            "a process may have {files} files open, and {least} are needed: raise the hard limit (`ulimit -Hn`, \
             LimitNOFILE= in a unit)"
        )));
    }
    let need = |kind, moving| Need {
        kind,
        connections: wanted.sessions,
        moving,
        direct: false,
    };
    let idle = Crew::needed(need(Kind::Idle, 0))?;
    let moving = Crew::needed(need(Kind::Hold, wanted.moving))?;
    Ok(idle.max(moving))
}

/// The part of one core that is used while we do nothing.
fn others_busy() -> Result<f64, Trouble> {
    let now = || monotonic_nanos().during("reading the clock");
    let (began_ns, before) = (now()?, cpu::read()?);
    let deadline = Deadline::after(LOOK);
    while !deadline.reached() {
        deadline.look_again();
    }
    let (wall_ns, after) = (now()?.saturating_sub(began_ns), cpu::read()?);
    let busy = cpu::between(&before, &after, wall_ns);
    let busy_ns: u64 = busy.iter().map(|core| core.busy_ns).sum();
    Ok(busy_ns as f64 / wall_ns.max(1) as f64)
}
