//! From what there is and what is wanted to the size of everything; said at start, with where it comes from.

use crate::control::log;
use crate::control::pressure::Gauge;
use crate::daemon::budget;
use crate::daemon::budget::Accounting;
use crate::daemon::budget::Budget;
use crate::daemon::budget::Wanted;
use crate::daemon::resources;
use crate::daemon::resources::Resources;
use crate::daemon::resources::Source;
use crate::daemon::resources::Unknown;
use crate::daemon::resources::group::Version;
use crate::daemon::resources::quota;
use crate::model::amount::Memory;
use crate::model::config::Config;
use crate::model::load::Loaded;
use crate::model::load::finding::Finding;
use crate::model::load::finding::Origin;

/// How large everything is.
#[derive(Clone, Debug)]
pub struct Sizing {
    pub resources: Resources,
    pub budget: Budget,
    /// One core for each worker. More workers than cores share them.
    pub cores: Vec<Option<usize>>,
}

impl Sizing {
    /// Finds out what there is and divides it.
    pub fn find(config: &Config) -> Result<Sizing, Unknown> {
        let resources = resources::find(&config.resources)?;
        let wanted = Wanted {
            max_connections: config.max_connections,
            sessions: config.learns(),
            workers: config.workers.unwrap_or(resources.workers()),
            fixed: config.workers.is_some(),
        };
        let accounting = match resources.memory_limit() {
            None => Accounting::Machine,
            Some(Version::One) => Accounting::CgroupOne,
            Some(Version::Two) => Accounting::CgroupTwo,
        };
        let memory_bytes = resources.memory.amount;
        let budget = Budget::fit(memory_bytes, accounting, budget::descriptors(), wanted);
        let cores = (0..budget.workers).map(|worker| {
            let cores = &resources.cores;
            cores.get(worker as usize % cores.len()).copied()
        });
        Ok(Sizing {
            cores: cores.collect(),
            resources,
            budget,
        })
    }

    /// Where control reads how full the memory is. A limit of a cgroup may be set later, too.
    pub fn gauge(&self) -> Option<Gauge> {
        let Resources { memory, .. } = &self.resources;
        if !self.resources.memory_limited && memory.source == Source::Configured {
            let limit_bytes = memory.amount;
            return Some(Gauge::Process { limit_bytes });
        }
        let group = self.resources.memory_group.clone()?;
        Some(match group.version {
            Version::One => Gauge::CgroupOne(group.folders),
            Version::Two => Gauge::CgroupTwo(group.folders),
        })
    }

    /// Says what counts, and sets the quota if one is configured.
    pub fn announce(&self) {
        for (_, cause) in self.resources.shortages() {
            log::event("lowered", &[("cause", &cause)]);
        }
        let Resources { cpu, memory, .. } = &self.resources;
        let cores = resources::thousandths(cpu.amount);
        let quota = match cpu.source {
            Source::Configured => {
                let group = self.resources.cpu_group.as_ref();
                let set = quota::set(group, cpu.amount, std::process::id(), &mut quota::Kernel);
                set.to_string()
            }
            Source::Cgroup(_) => "as it was found".to_owned(),
            Source::Affinity | Source::Machine => "none".to_owned(),
        };
        log::event(
            "cpu",
            &[
                ("cpu", &cores),
                ("source", &cpu.source),
                ("workers", &self.budget.workers),
                ("quota", &quota),
            ],
        );
        let bytes = memory.amount;
        log::event(
            "memory",
            &[("memory", &Memory { bytes }), ("source", &memory.source)],
        );
    }
}

/// What a configuration wants and this machine does not grant.
pub fn warnings(loaded: &Loaded) -> Vec<Finding> {
    let Ok(sizing) = Sizing::find(&loaded.config) else {
        return Vec::new(); // another machine, perhaps; a start would say why
    };
    let mut short = sizing.resources.shortages();
    let (wanted, most) = (
        loaded.config.max_connections,
        sizing.budget.max_connections(),
    );
    if wanted > most {
        let sentence = format!(
            "max_connections is {wanted}, but memory and descriptors are enough for {}",
            sizing.budget
        );
        short.push(("max_connections", sentence));
    }
    let finding = |(property, message): (&str, String)| Finding {
        origin: loaded
            .origins
            .get(property)
            .cloned()
            .unwrap_or(Origin::Default),
        message,
    };
    short.into_iter().map(finding).collect()
}
