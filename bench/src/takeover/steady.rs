//! What a pair costs while nothing happens: CPU of the active and latency, beside a balancer that is alone.

use std::time::Duration;
use std::time::Instant;

use serde::Serialize;

use crate::machine::process::spent;
use crate::process::Deadline;
use crate::takeover::Figures;
use crate::takeover::Harness;
use crate::takeover::client::Attempt;
use crate::takeover::client::Ended;
use crate::takeover::hosts;
use crate::takeover::pair::Kind;
use crate::takeover::pair::Pair;
use crate::trouble::Trouble;

/// One that serves 500 new connections a second while nothing happens.
#[derive(Serialize)]
pub struct Steady {
    pub contender: String,
    /// It has another server beside it.
    pub paired: bool,
    pub turns: Vec<Turn>,
}

#[derive(Serialize)]
pub struct Turn {
    /// CPU of all its processes on the host that serves, in milliseconds a second.
    pub cpu_ms_per_s: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub not_connected: usize,
    pub failed: usize,
    /// Looks, ten in a second, that found the address elsewhere, or with both.
    pub strayed: usize,
}

/// Who is watched, and whether it has another server beside it: each contender, HALB also when it is alone.
pub fn candidates(contenders: &[(String, Kind)]) -> Vec<(String, Kind, bool)> {
    let mut all = Vec::new();
    for (name, kind) in contenders {
        all.push((name.clone(), kind.clone(), true));
        if let Kind::Halb { path, .. } = kind {
            let (path, alone) = (path.clone(), true);
            all.push((name.clone(), Kind::Halb { path, alone }, false));
        }
    }
    all
}

impl Harness<'_> {
    /// All of them in turns, as with the faults. `false`: the person wants it to end.
    pub fn steady(
        &mut self,
        turns: usize,
        length: Duration,
        figures: &mut Figures,
    ) -> Result<bool, Trouble> {
        if turns == 0 {
            return Ok(true);
        }
        let candidates = candidates(&self.contenders);
        let nothing_yet = candidates.iter().map(|(name, _, paired)| Steady {
            contender: name.clone(),
            paired: *paired,
            turns: Vec::new(),
        });
        figures.steady.extend(nothing_yet);
        for turn in 1..=turns {
            for (steady, (name, kind, paired)) in figures.steady.iter_mut().zip(&candidates) {
                let what = format!("{name} while nothing happens, turn {turn}");
                self.progress.tell(&what);
                let Some(turn) = self.turn(kind, *paired, length)? else {
                    return Ok(false);
                };
                steady.turns.push(turn);
            }
        }
        Ok(true)
    }

    /// `None`: the person wants it to end.
    fn turn(
        &mut self,
        kind: &Kind,
        paired: bool,
        length: Duration,
    ) -> Result<Option<Turn>, Trouble> {
        hosts::heal()?;
        self.client.forget();
        let mut pair = Pair::start(kind, self.folder, &self.cores)?;
        if !paired {
            hosts::lend_address(0)?;
        }
        let Some(active) = self.ready(&mut pair)? else {
            return Ok(None);
        };
        let processes = pair.processes(active)?;
        let (before, began) = (spent(&processes)?, Instant::now());
        let Some(strayed) = self.watch(active, length)? else {
            return Ok(None);
        };
        let used = spent(&processes)?.since(&before).total_ns;
        let attempts = self.client.since(began);
        let wall_ns = began.elapsed().as_nanos();
        Ok(Some(Turn {
            cpu_ms_per_s: used as f64 * 1000.0 / wall_ns.max(1) as f64,
            p50_us: quantile_us(&attempts, 0.5),
            p99_us: quantile_us(&attempts, 0.99),
            not_connected: count(&attempts, Ended::NotConnected),
            failed: count(&attempts, Ended::Failed),
            strayed,
        }))
    }

    fn watch(&self, active: usize, length: Duration) -> Result<Option<usize>, Trouble> {
        let end = Deadline::after(length);
        let mut strayed = 0;
        while !end.reached() {
            if self.pause(LOOK)? {
                return Ok(None);
            }
            strayed += usize::from(hosts::holders()? != [active]);
        }
        Ok(Some(strayed))
    }
}

const LOOK: Duration = Duration::from_millis(100);

fn count(attempts: &[Attempt], ended: Ended) -> usize {
    attempts.iter().filter(|one| one.ended == ended).count()
}

/// From the first packet of a connection to its end.
fn quantile_us(attempts: &[Attempt], part: f64) -> f64 {
    let mut took: Vec<Duration> = attempts
        .iter()
        .filter_map(|attempt| match attempt.ended {
            Ended::Answered { took } => Some(took),
            Ended::NotConnected | Ended::Failed => None,
        })
        .collect();
    took.sort_unstable();
    let place = (took.len() as f64 * part) as usize;
    let place = place.min(took.len().saturating_sub(1));
    took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e6)
}
