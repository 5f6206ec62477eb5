//! Which loads there are, part by part, and how long they take.

use std::time::Duration;

use crate::allotment::Allotment;
use crate::crew::Crew;
use crate::crew::share::Need;
use crate::record::memory::Doing;
use crate::record::run::Part;
use crate::record::run::Scene;
use crate::station::order::Kind;
use crate::trouble::Trouble;

/// A body for which the work per request counts, not the bytes.
pub const SHORT_BODY_BYTES: u64 = 128;
/// From this size on a window holds few whole answers: it is longer, and there are fewer rounds.
const HUGE_BODY_BYTES: u64 = 100_000_000;
const HUGE_CONNECTIONS: usize = 4;
const BODY_CONNECTIONS: usize = 16;
const HUGE_WINDOWS: u64 = 2;
const HUGE_ROUNDS: usize = 2;
/// Before and after its window a run waits for whole answers, which come at least so fast.
const BYTES_S: u64 = 1 << 30;
/// Connections over which a fixed rate is offered.
const RATE_CONNECTIONS: usize = 256;
const QUOTA_CONNECTIONS: usize = 128;
/// The least that HALB is installed with.
const QUOTA: Allotment = Allotment {
    cpus: 0.4,
    memory_bytes: 96 << 20,
};
/// With a connection for every request the generator works more than any proxy. So little of a CPU makes the
/// proxy the slower one, also of those that are far better than today's; memory is no limit.
const FRESH_ALLOTMENT: Allotment = Allotment {
    cpus: 0.3,
    memory_bytes: 1 << 30,
};

/// As many as the contenders' own configurations allow for.
pub const LOAD_CONNECTIONS_MAX: usize = 12_000;
/// The relay's, and those with a response under way, have one to the origin each.
pub const HELD_CONNECTIONS_MAX: usize = 9500;
/// A contender that keeps two descriptors for each connection, and a few more.
const ONE_THREAD_CONNECTIONS: usize = 9500;

/// What a run takes beyond its own times.
const RUN_OVERHEAD: Duration = Duration::from_millis(250);
/// What opening, and closing, one connection takes.
const CONNECTION_OVERHEAD: Duration = Duration::from_micros(150);
const START_OVERHEAD: Duration = Duration::from_millis(500);
/// What one figure of memory takes: to fill up, to read, to ask all again.
const IDLE_TIME: Duration = Duration::from_secs(8);
const TRANSFER_TIME: Duration = Duration::from_secs(35);

/// What a person wants to know.
pub struct Wanted {
    pub parts: Vec<Part>,
    /// Connections, each a scene.
    pub requests: Vec<usize>,
    pub request_bytes: Vec<u64>,
    pub growth: Vec<usize>,
    pub bodies: Vec<u64>,
    pub fresh: usize,
    /// Parts of the most that the reference carries.
    pub rates: Vec<f64>,
    pub idle: usize,
    pub active: usize,
    pub rounds: usize,
    pub measure_ms: u64,
}

/// Loads for which everybody is started anew.
#[derive(Clone, PartialEq, Debug)]
pub struct Stage {
    pub part: Part,
    pub allotment: Option<Allotment>,
    pub rounds: usize,
    pub measure_ms: u64,
    pub work: Work,
    /// Everybody is started for each run of its own, and ends after it: the thousands of connections that contenders keep
    /// would together be more than the origin has descriptors for.
    pub alone: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Work {
    /// One after the other, as fast as they go.
    Loads(Vec<Scene>),
    /// First the most that the reference carries, then these parts of it.
    Rates {
        connections: usize,
        factors: Vec<f64>,
    },
    /// Memory while so many connections do that.
    Held(Vec<(Doing, usize)>),
}

impl Wanted {
    /// In the order of the parts' names, not in that in which they were asked for.
    pub fn stages(&self) -> Vec<Stage> {
        let mut parts = self.parts.clone();
        parts.sort_unstable();
        parts.dedup();
        let stages = parts.into_iter().flat_map(|part| self.of(part));
        stages.filter(|stage| !stage.is_empty()).collect()
    }

    fn of(&self, part: Part) -> Vec<Stage> {
        match part {
            Part::Requests => vec![self.requests()],
            Part::Growth => {
                let with = |connections: &usize| keep(part, *connections, SHORT_BODY_BYTES);
                let scenes = self.growth.iter().map(with).collect();
                let stage = self.stage(part, Work::Loads(scenes)).shortened();
                vec![Stage {
                    alone: true,
                    ..stage
                }]
            }
            Part::Bodies => self.bodies(),
            Part::Fresh => vec![self.fresh(None), self.fresh(Some(FRESH_ALLOTMENT))],
            Part::Rates => {
                let work = Work::Rates {
                    connections: RATE_CONNECTIONS,
                    factors: self.rates.clone(),
                };
                vec![self.stage(part, work).shortened()]
            }
            Part::Quota => {
                let scene = Scene {
                    allotment: Some(QUOTA),
                    ..keep(part, QUOTA_CONNECTIONS, SHORT_BODY_BYTES)
                };
                vec![Stage {
                    allotment: Some(QUOTA),
                    ..self.stage(part, Work::Loads(vec![scene]))
                }]
            }
            Part::Memory => {
                let held = [(Doing::Idle, self.idle), (Doing::Transfer, self.active)];
                let wanted = held.into_iter().filter(|(_, connections)| *connections > 0);
                vec![self.stage(part, Work::Held(wanted.collect()))]
            }
        }
    }

    fn stage(&self, part: Part, work: Work) -> Stage {
        Stage {
            part,
            allotment: None,
            rounds: self.rounds,
            measure_ms: self.measure_ms,
            work,
            alone: false,
        }
    }

    fn requests(&self) -> Stage {
        let mut scenes = Vec::new();
        for body_bytes in &self.request_bytes {
            let with = |connections: &usize| keep(Part::Requests, *connections, *body_bytes);
            scenes.extend(self.requests.iter().map(with));
        }
        self.stage(Part::Requests, Work::Loads(scenes))
    }

    fn bodies(&self) -> Vec<Stage> {
        let huge = |bytes: &&u64| **bytes >= HUGE_BODY_BYTES;
        let (huge, long): (Vec<&u64>, Vec<&u64>) = self.bodies.iter().partition(huge);
        let scenes = |sizes: Vec<&u64>, connections| {
            let scene = |bytes: &u64| keep(Part::Bodies, connections, *bytes);
            Work::Loads(sizes.into_iter().map(scene).collect())
        };
        let long = self.stage(Part::Bodies, scenes(long, BODY_CONNECTIONS));
        let huge = self.stage(Part::Bodies, scenes(huge, HUGE_CONNECTIONS));
        let huge = Stage {
            rounds: self.rounds.min(HUGE_ROUNDS),
            measure_ms: self.measure_ms * HUGE_WINDOWS,
            ..huge
        };
        vec![long, huge]
    }

    fn fresh(&self, allotment: Option<Allotment>) -> Stage {
        let scene = Scene {
            kind: Kind::Fresh,
            allotment,
            ..keep(Part::Fresh, self.fresh, SHORT_BODY_BYTES)
        };
        Stage {
            allotment,
            ..self.stage(Part::Fresh, Work::Loads(vec![scene]))
        }
    }
}

impl Stage {
    /// Half the rounds, where there are many scenes: what they are for is a course, not one figure.
    fn shortened(self) -> Stage {
        Stage {
            rounds: self.rounds.div_ceil(2),
            ..self
        }
    }

    fn is_empty(&self) -> bool {
        match &self.work {
            Work::Loads(scenes) => scenes.is_empty(),
            Work::Rates { factors, .. } => factors.is_empty(),
            Work::Held(held) => held.is_empty(),
        }
    }

    /// The most connections of any load of it.
    pub fn connections(&self) -> usize {
        let most = match &self.work {
            Work::Loads(scenes) => scenes.iter().map(|scene| scene.connections).max(),
            Work::Rates { connections, .. } => Some(*connections),
            Work::Held(held) => held.iter().map(|(_, connections)| *connections).max(),
        };
        most.unwrap_or(0)
    }

    /// Processes that make the load, for the largest of its loads.
    pub fn stations(&self) -> Result<usize, Trouble> {
        let need = |kind, connections, moving| Need {
            kind,
            connections,
            moving,
            direct: false,
        };
        let needs: Vec<Need> = match &self.work {
            Work::Loads(_) | Work::Rates { .. } => vec![need(Kind::Keep, self.connections(), 0)],
            Work::Held(held) => held
                .iter()
                .map(|(doing, connections)| match doing {
                    Doing::Idle => need(Kind::Idle, *connections, 0),
                    Doing::Transfer => need(Kind::Hold, *connections, *connections),
                })
                .collect(),
        };
        needs
            .into_iter()
            .try_fold(1, |most, need| Ok(most.max(Crew::needed(need)?)))
    }

    /// Threads, each with its own 20,000 descriptors, for a contender that needs two for each connection.
    pub fn threads(&self) -> usize {
        self.connections().div_ceil(ONE_THREAD_CONNECTIONS).max(1)
    }

    /// The loads, in order; of the rates, which are not known beforehand, one for each.
    fn scenes(&self) -> Vec<Scene> {
        match &self.work {
            Work::Loads(scenes) => scenes.clone(),
            Work::Rates {
                connections,
                factors,
            } => vec![keep(self.part, *connections, SHORT_BODY_BYTES); factors.len()],
            Work::Held(_) => Vec::new(),
        }
    }

    /// Runs and figures, with so many proxies beside the direct run.
    pub fn steps(&self, proxies: usize) -> usize {
        match &self.work {
            Work::Loads(scenes) => scenes.len() * self.rounds * (proxies + 1),
            // Once for the reference alone.
            Work::Rates { factors, .. } => self.rounds * (factors.len() * (proxies + 1) + 1),
            Work::Held(held) => held.len() * proxies,
        }
    }

    /// About how long it takes.
    pub fn time(&self, proxies: usize, warm_ms: u64) -> Duration {
        let starts = START_OVERHEAD * u32::try_from(proxies + 1).unwrap_or(1);
        if let Work::Held(held) = &self.work {
            let one = |(doing, _): &(Doing, usize)| match doing {
                Doing::Idle => IDLE_TIME,
                Doing::Transfer => TRANSFER_TIME,
            };
            let all: Duration = held.iter().map(one).sum();
            return starts + all * u32::try_from(proxies).unwrap_or(1);
        }
        let window = Duration::from_millis(self.measure_ms + warm_ms) + RUN_OVERHEAD;
        let times = self.scenes().into_iter().map(|scene| {
            let connections = u32::try_from(scene.connections).unwrap_or(u32::MAX);
            let waited_bytes = 2 * scene.body_bytes * u64::from(connections);
            let waited = Duration::from_secs(waited_bytes / BYTES_S);
            window + CONNECTION_OVERHEAD * connections + waited
        });
        let runs = self.rounds * (proxies + 1);
        starts + times.sum::<Duration>() * u32::try_from(runs).unwrap_or(u32::MAX)
    }
}

/// Kept-alive connections, as fast as they go.
pub fn keep(part: Part, connections: usize, body_bytes: u64) -> Scene {
    Scene {
        part,
        kind: Kind::Keep,
        connections,
        body_bytes,
        offered: None,
        allotment: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(parts: &[Part]) -> Wanted {
        Wanted {
            parts: parts.to_vec(),
            requests: vec![16, 64],
            request_bytes: vec![128],
            growth: vec![64, 10_000],
            bodies: vec![65_536, 1_000_000_000],
            fresh: 64,
            rates: vec![0.5, 1.0],
            idle: 9000,
            active: 0,
            rounds: 5,
            measure_ms: 3000,
        }
    }

    #[test]
    fn parts_come_in_their_own_order_and_once() {
        let stages = wanted(&[Part::Quota, Part::Requests, Part::Quota]).stages();
        let parts: Vec<Part> = stages.iter().map(|stage| stage.part).collect();
        assert_eq!(parts, [Part::Requests, Part::Quota]);
        assert_eq!(stages[1].allotment, Some(QUOTA));
        let Work::Loads(scenes) = &stages[1].work else {
            unreachable!("a load");
        };
        assert_eq!(scenes[0].allotment, Some(QUOTA));
    }

    #[test]
    fn many_connections_need_two_threads() {
        let growth = &wanted(&[Part::Growth]).stages()[0];
        assert_eq!((growth.threads(), growth.rounds), (2, 3));
        let requests = &wanted(&[Part::Requests]).stages()[0];
        assert_eq!((requests.threads(), requests.rounds), (1, 5));
        let memory = &wanted(&[Part::Memory]).stages()[0];
        assert_eq!(memory.threads(), 1);
        assert_eq!(requests.stations().unwrap(), 1);
    }

    #[test]
    fn the_longest_bodies_have_longer_windows() {
        let stages = wanted(&[Part::Bodies]).stages();
        assert_eq!((stages[0].connections(), stages[0].measure_ms), (16, 3000));
        assert_eq!((stages[1].connections(), stages[1].measure_ms), (4, 6000));
        let mut none = wanted(&[Part::Bodies]);
        none.bodies = vec![65_536];
        assert_eq!(none.stages().len(), 1);
    }

    #[test]
    fn steps_and_time_add_up() {
        let requests = &wanted(&[Part::Requests]).stages()[0];
        assert_eq!(requests.steps(4), 2 * 5 * 5);
        let seconds = requests.time(4, 500).as_secs();
        assert!((50 * 3..50 * 4 + 5).contains(&seconds), "{seconds}");
        let rates = &wanted(&[Part::Rates]).stages()[0];
        assert_eq!(rates.steps(4), 3 * (2 * 5 + 1));
        let memory = &wanted(&[Part::Memory]).stages()[0];
        assert_eq!(memory.steps(4), 4);
    }
}
