//! What has to be so before anything is verified. Each refusal says what to do.

use crate::allotment::Group;
use crate::compare::refusal::doubts;
use crate::compare::refusal::refuse;
use crate::crew::Crew;
use crate::crew::share::Need;
use crate::interrupt::Interrupt;
use crate::station::order::Kind;
use crate::trouble::Trouble;
use crate::verify::Plan;
use crate::verify::wanted::Wanted;

/// HALB starts at most so many workers for the sake of their descriptors: each has a table of its own.
const WORKERS_MAX: u64 = 16;
/// What a worker has open besides connections, of which a session in transfer needs two.
const WORKER_FILES: u64 = 712;

/// Refuses what would make the verdicts worthless; what the person wants to overlook comes back as warnings.
pub fn check(plan: &Plan, interrupt: &Interrupt) -> Result<Vec<String>, Trouble> {
    // Better now than in the middle.
    drop(Group::create("trial", &plan.wanted.small)?);
    let mut cores = plan.cores.clone();
    cores.push(plan.load_core);
    let doubts = doubts(&cores, &[], interrupt)?;
    if !doubts.is_empty() && !plan.even_if_busy {
        return Err(refuse(&doubts));
    }
    Ok(doubts)
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
