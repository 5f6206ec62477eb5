//! What has to be so before anything is verified. Each refusal says what to do.

use std::time::Duration;

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

use crate::allotment::Group;
use crate::machine::cpu;
use crate::machine::monotonic_nanos;
use crate::process::Deadline;
use crate::trouble::Trouble;
use crate::trouble::While;
use crate::verify::Plan;
use crate::verify::wanted::Wanted;

/// How long the machine is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// More than this of one core, used by others, and a failed check would prove nothing.
const OTHERS_MAX: f64 = 0.15;
/// What a station has open besides connections.
const SPARE_FILES: u64 = 1000;
/// HALB's workers have a table of descriptors each, and there are at most so many.
const WORKERS_MAX: u64 = 16;
/// Stations, each a process, that hold the sessions together.
const STATIONS_MAX: u64 = 16;

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

/// Lets this process and all that it starts have as many descriptors as it may, and says how many that is.
pub fn raise_files() -> Result<u64, Trouble> {
    let (_, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).during("asking how many files may be open")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).during("raising the limit of open files")?;
    Ok(hard)
}

/// How many stations hold all sessions when each process may have `files` open. The first one is also the origin of
/// all that are in transfer.
pub fn stations(files: u64, wanted: &Wanted) -> Result<usize, Trouble> {
    let (sessions, moving) = (wanted.sessions as u64, wanted.moving as u64);
    // Everybody who waits has a connection to the origin, in the same process.
    let most_waiting = 2 * wanted.outstanding.max(wanted.more_outstanding) as u64;
    let least = (moving + sessions.div_ceil(STATIONS_MAX))
        .max(most_waiting)
        .max(2 * sessions / WORKERS_MAX)
        + SPARE_FILES;
    if files < least {
        return Err(Trouble::new(format!(
            "a process may have {files} files open, and {least} are needed: raise the hard limit (`ulimit -Hn`, \
             LimitNOFILE= in a unit)"
        )));
    }
    let count = sessions.div_ceil(files - SPARE_FILES - moving).max(1);
    usize::try_from(count).during("counting stations")
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
