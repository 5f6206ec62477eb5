//! From what a run spent to what a request cost, and whether the figure is worth anything.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Deserialize;
use serde::Serialize;

use crate::allotment::Allotment;
use crate::record::contender::Contender;
use crate::station::order::Kind;
use crate::station::order::Load;

/// A core busier than this has nothing left.
const SATURATED: f64 = 0.97;
/// More than this of one core, spent by nobody we know, spoils a run.
const OTHERS_MAX: f64 = 0.05;
/// More than this of one core, taken by the host, spoils a run.
const STOLEN_MAX: f64 = 0.01;
/// From this size on exchanges are counted by their bytes: a window holds few whole answers.
const COUNTED_BYTES: u64 = 100_000_000;
/// Where the generator sent later than this part of the slowest answers' time, it was late and not the proxy.
const LATE_MAX: f64 = 0.25;
/// Who answers less than this part of what is offered, or leaves more than the rest unsent, is overloaded.
const CARRIED_MIN: f64 = 0.98;

/// What a scene is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// CPU per small request on kept-alive connections.
    Requests,
    /// The same with more and more connections.
    Growth,
    /// CPU per megabyte.
    Bodies,
    /// A connection for every request.
    Fresh,
    /// Latency at fixed offered rates.
    Rates,
    /// The most that a small allotment carries.
    Quota,
    /// Memory of idle and of active connections.
    Memory,
}

/// One load, whoever carries it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scene {
    pub part: Part,
    pub kind: Kind,
    pub connections: usize,
    pub body_bytes: u64,
    /// Requests per second, where a fixed rate is offered.
    pub offered: Option<f64>,
    /// What each contender is allowed, where it is less than a core.
    pub allotment: Option<Allotment>,
}

/// Why a figure is to be taken with care, one letter each in the tables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Requests failed.
    Errors,
    /// The generator's core was full before the proxy's: not the proxy's greatest rate. Time per request
    /// still counts, and is rather too high, because a proxy that waits works in smaller batches.
    GeneratorFull,
    /// Somebody else used the machine.
    OthersBusy,
    /// The host took time from this virtual machine.
    Stolen,
    /// Processes of the contender came or went, so that their time is not whole.
    TreeChanged,
    /// More was offered than the contender carries.
    Overloaded,
}

impl Mark {
    pub fn letter(self) -> char {
        match self {
            Mark::Errors => 'E',
            Mark::GeneratorFull => 'G',
            Mark::OthersBusy => 'O',
            Mark::Stolen => 'S',
            Mark::TreeChanged => 'T',
            Mark::Overloaded => 'U',
        }
    }

    pub fn explanation(self) -> &'static str {
        match self {
            Mark::Errors => "E: requests failed",
            Mark::GeneratorFull => {
                "G: the generator's core was full first, or it sent late; req/s is not the proxy's limit"
            }
            Mark::OthersBusy => "O: others used the machine",
            Mark::Stolen => "S: the host took time",
            Mark::TreeChanged => "T: processes came or went during the run",
            Mark::Overloaded => {
                "U: more was offered than it carries; latency is that of a growing queue"
            }
        }
    }
}

/// One run, condensed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub contender: Contender,
    pub scene: Scene,
    pub round: usize,
    pub answered: u64,
    /// Requests that were due and never sent, because every connection was still waiting.
    pub unsent: u64,
    /// At a fixed rate: 99 of 100 requests were sent within so long after they were due and a connection was free.
    pub late_p99_us: f64,
    pub faults: BTreeMap<String, u64>,
    pub rate: f64,
    /// Time of the contender's processes per request; `None` for the direct run, which has none.
    pub process_us: Option<f64>,
    /// The part of it in user mode.
    pub user_us: Option<f64>,
    /// Busy time of the whole machine per request.
    pub machine_us: f64,
    /// The same, less that of the direct run of this round.
    pub beyond_us: Option<f64>,
    /// Time of contender and station together per request.
    pub known_us: f64,
    /// The same, less that of the direct run of this round: sees work that moved to the generator's core, and
    /// not what others do on the machine.
    pub known_beyond_us: Option<f64>,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    /// How busy each core was, from 0 to 1.
    pub proxy_core: f64,
    pub load_core: f64,
    /// Parts of one core.
    pub others: f64,
    pub stolen: f64,
    pub marks: Vec<Mark>,
}

/// Which core does what.
#[derive(Clone, Copy)]
pub struct Cores {
    pub proxy: usize,
    pub load: usize,
}

impl Run {
    /// A contender's run, or the direct one.
    pub fn of(
        contender: Contender,
        scene: Scene,
        round: usize,
        load: Load,
        cores: Cores,
        same_tree: bool,
    ) -> Run {
        let window = &load.window;
        let wall = window.wall_ns.max(1) as f64;
        let exchanges = exchanges(&scene, &load);
        let divisor = if exchanges > 0.0 { exchanges } else { 1.0 };
        let each_us = |nanos: f64| nanos / divisor / 1000.0;
        let busy: u64 = window.cores.iter().map(|core| core.busy_ns).sum();
        let stolen: u64 = window.cores.iter().map(|core| core.stolen_ns).sum();
        let known = window.watched.total_ns + window.station.total_ns;
        let used = |core: usize| {
            let found = window.cores.get(core);
            found.map_or(0.0, |core| core.busy_ns as f64 / wall)
        };
        let own = contender != Contender::DIRECT;
        let mut run = Run {
            contender,
            scene,
            round,
            answered: load.answered,
            rate: exchanges / (wall / 1e9),
            process_us: own.then(|| each_us(window.watched.total_ns as f64)),
            user_us: own.then(|| each_us(window.watched.user_ns())),
            machine_us: each_us(busy as f64),
            beyond_us: None,
            known_us: each_us(known as f64),
            known_beyond_us: None,
            unsent: load.unsent,
            late_p99_us: load.late_p99_us,
            p50_us: load.latency.p50_us,
            p90_us: load.latency.p90_us,
            p99_us: load.latency.p99_us,
            p999_us: load.latency.p999_us,
            proxy_core: used(cores.proxy),
            load_core: used(cores.load),
            others: load.others,
            stolen: stolen as f64 / wall,
            marks: Vec::new(),
            faults: load.faults,
        };
        let used = window.watched.total_ns as f64 / wall;
        run.marks = run.find_marks(same_tree, used, wall / 1e9);
        run
    }

    /// Takes the direct run of the same round into account.
    pub fn less(mut self, direct: Option<&Run>) -> Run {
        let clean = direct.filter(|direct| !direct.marks.contains(&Mark::Errors));
        if let (Some(direct), false) = (clean, self.contender == Contender::DIRECT) {
            self.beyond_us = Some(self.machine_us - direct.machine_us);
            self.known_beyond_us = Some(self.known_us - direct.known_us);
        }
        self
    }

    /// Whether the generator had nothing left before the proxy had: `used` CPUs of what it is allowed.
    fn generator_full(&self, used: f64) -> bool {
        let proxy_full = match self.scene.allotment {
            Some(allotment) => used >= allotment.cpus * SATURATED,
            None => self.proxy_core >= SATURATED,
        };
        let full =
            self.contender != Contender::DIRECT && self.load_core >= SATURATED && !proxy_full;
        full || self.late_p99_us > LATE_MAX * self.p99_us
    }

    fn overloaded(&self, seconds: f64) -> bool {
        let Some(offered) = self.scene.offered else {
            return false;
        };
        let unsent_max = (1.0 - CARRIED_MIN) * offered * seconds;
        self.rate < CARRIED_MIN * offered || self.unsent as f64 > unsent_max
    }

    /// `used`: CPUs of the contender's processes; `seconds`: the window.
    fn find_marks(&self, same_tree: bool, used: f64, seconds: f64) -> Vec<Mark> {
        let all = [
            (!self.faults.is_empty() || self.rate == 0.0, Mark::Errors),
            (self.generator_full(used), Mark::GeneratorFull),
            (self.others > OTHERS_MAX, Mark::OthersBusy),
            (self.stolen > STOLEN_MAX, Mark::Stolen),
            (!same_tree, Mark::TreeChanged),
            (self.overloaded(seconds), Mark::Overloaded),
        ];
        all.into_iter()
            .filter(|(true_here, _)| *true_here)
            .map(|(_, mark)| mark)
            .collect()
    }
}

/// Answers of the window; of the longest, as many as their bytes make.
fn exchanges(scene: &Scene, load: &Load) -> f64 {
    if scene.body_bytes >= COUNTED_BYTES && load.received_bytes > 0 {
        return load.received_bytes as f64 / scene.body_bytes as f64;
    }
    load.answered as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::cpu::CoreUse;
    use crate::machine::process::Spent;
    use crate::station::order::Window;

    const SCENE: Scene = Scene {
        part: Part::Requests,
        kind: Kind::Keep,
        connections: 64,
        body_bytes: 128,
        offered: None,
        allotment: None,
    };

    fn load(proxy_busy_ns: u64, load_busy_ns: u64) -> Load {
        let core = |busy_ns| CoreUse {
            busy_ns,
            stolen_ns: 0,
        };
        Load {
            answered: 1000,
            window: Window {
                wall_ns: 100_000_000,
                watched: Spent {
                    total_ns: 20_000_000,
                    user_ticks: 1,
                    system_ticks: 1,
                },
                station: Spent {
                    total_ns: load_busy_ns,
                    ..Spent::default()
                },
                cores: vec![core(proxy_busy_ns), core(load_busy_ns)],
            },
            ..Load::default()
        }
    }

    fn run(load: Load, same_tree: bool) -> Run {
        run_of(Contender::HALB, load, same_tree)
    }

    fn run_of(contender: Contender, load: Load, same_tree: bool) -> Run {
        let cores = Cores { proxy: 0, load: 1 };
        Run::of(contender, SCENE, 0, load, cores, same_tree)
    }

    #[test]
    fn a_request_costs_what_was_spent_divided_by_requests() {
        let mut straight = load(0, 40_000_000);
        straight.window.watched = Spent::default();
        let direct = run_of(Contender::DIRECT, straight, true);
        assert_eq!(direct.process_us, None);
        let run = run(load(21_000_000, 50_000_000), true).less(Some(&direct));
        assert!((run.rate - 10_000.0).abs() < 1e-6);
        assert!((run.process_us.unwrap() - 20.0).abs() < 1e-9);
        assert!((run.user_us.unwrap() - 10.0).abs() < 1e-9);
        assert!((run.machine_us - 71.0).abs() < 1e-9);
        assert!((run.beyond_us.unwrap() - 31.0).abs() < 1e-9);
        assert!((run.known_beyond_us.unwrap() - 30.0).abs() < 1e-9);
        assert!((run.proxy_core - 0.21).abs() < 1e-9);
        assert_eq!(run.marks, []);
    }

    #[test]
    fn what_spoils_a_run_is_marked() {
        assert_eq!(
            run(load(21_000_000, 99_000_000), true).marks,
            [Mark::GeneratorFull]
        );
        let mut watched = load(21_000_000, 50_000_000);
        watched.others = 0.2;
        assert_eq!(run(watched, true).marks, [Mark::OthersBusy]);
        assert_eq!(
            run(load(21_000_000, 50_000_000), false).marks,
            [Mark::TreeChanged]
        );
        let mut failed = load(21_000_000, 50_000_000);
        failed.faults.insert("Ended".to_owned(), 1);
        failed.window.cores[0].stolen_ns = 5_000_000;
        assert_eq!(run(failed, true).marks, [Mark::Errors, Mark::Stolen]);
    }

    fn run_in(scene: Scene, load: Load) -> Run {
        let cores = Cores { proxy: 0, load: 1 };
        Run::of(Contender::HALB, scene, 0, load, cores, true)
    }

    #[test]
    fn within_an_allotment_the_proxy_is_full_when_that_is_used_up() {
        let allotted = |cpus| Scene {
            allotment: Some(Allotment {
                cpus,
                memory_bytes: 1 << 30,
            }),
            ..SCENE
        };
        // It uses 0.2 of a CPU, and the generator's core is full.
        let full = load(20_000_000, 99_000_000);
        assert_eq!(run_in(allotted(0.2), full.clone()).marks, []);
        assert_eq!(run_in(allotted(0.4), full).marks, [Mark::GeneratorFull]);
    }

    #[test]
    fn the_longest_answers_are_counted_by_their_bytes() {
        let mut moved = load(21_000_000, 50_000_000);
        (moved.answered, moved.received_bytes) = (2, 2_500_000_000);
        let short = run_in(SCENE, moved.clone());
        assert!((short.process_us.unwrap() - 10_000.0).abs() < 1e-6);
        let long = Scene {
            body_bytes: 1_000_000_000,
            ..SCENE
        };
        let run = run_in(long, moved);
        assert!((run.process_us.unwrap() - 8000.0).abs() < 1e-6);
        assert!((run.rate - 25.0).abs() < 1e-6);
    }

    #[test]
    fn a_generator_that_sends_late_is_marked() {
        let mut late = load(21_000_000, 50_000_000);
        (late.latency.p99_us, late.late_p99_us) = (400.0, 100.0);
        assert_eq!(run_in(SCENE, late.clone()).marks, []);
        late.late_p99_us = 101.0;
        assert_eq!(run_in(SCENE, late).marks, [Mark::GeneratorFull]);
    }

    #[test]
    fn who_does_not_keep_up_with_what_is_offered_is_overloaded() {
        let offered = |rate| Scene {
            kind: Kind::Offered,
            offered: Some(rate),
            ..SCENE
        };
        // 1,000 answers in 0.1 s.
        let mut carried = load(21_000_000, 50_000_000);
        assert_eq!(run_in(offered(10_100.0), carried.clone()).marks, []);
        let marks = run_in(offered(10_300.0), carried.clone()).marks;
        assert_eq!(marks, [Mark::Overloaded]);
        carried.unsent = 30;
        assert_eq!(run_in(offered(10_000.0), carried).marks, [Mark::Overloaded]);
    }
}
