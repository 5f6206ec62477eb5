//! The stations that make the load: starts them, shares an order among them, and adds up what came of it.

mod merge;
mod post;
pub mod share;
#[cfg(test)]
mod tests;
pub mod trial;

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use crate::crew::merge::merge;
use crate::crew::post::Post;
use crate::crew::share::Need;
use crate::crew::share::Stations;
use crate::interrupt::Interrupt;
use crate::interrupt::Woken;
use crate::machine::others::Others;
use crate::process::Deadline;
use crate::station::order::Gate;
use crate::station::order::Hello;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::station::order::Said;
use crate::station::order::Told;
use crate::trouble::Trouble;

/// What a run may take beyond its own times: opening, draining, and the phases of connections that are held.
const PATIENCE: Duration = Duration::from_secs(240);
/// A station greets within this.
const GREETING: Duration = Duration::from_secs(10);

/// What came of an order.
pub enum Reply {
    Done(Outcome),
    Interrupted,
}

/// The stations' processes and the lines to them. The first one's origin is everybody's.
pub struct Crew {
    posts: Vec<Post>,
    processes: Vec<i32>,
    descriptors: usize,
    /// Where its origin listens.
    pub origin: SocketAddr,
}

/// Where a station is in a run.
#[derive(Debug)]
enum Place {
    Working,
    At(Gate),
    Done(Outcome),
}

impl Crew {
    /// How many stations an order needs, as far as descriptors go.
    pub fn needed(need: Need) -> Result<usize, Trouble> {
        need.stations(share::descriptors()?)
    }

    /// Starts `count` stations on `core`. One is the cheapest, as no two then wake each other; each further one
    /// brings the descriptors of one more process.
    pub fn start(
        core: usize,
        count: usize,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> Result<Crew, Trouble> {
        if !(1..=share::STATIONS_MAX).contains(&count) {
            let most = share::STATIONS_MAX;
            return Err(Trouble::new(format!("a crew has 1 to {most} stations")));
        }
        let posts = (0..count).map(|index| Post::start(core, index, folder));
        let mut crew = Crew {
            posts: posts.collect::<Result<_, _>>()?,
            processes: vec![0; count],
            descriptors: share::descriptors()?,
            origin: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        for _ in 0..count {
            let all: Vec<usize> = (0..count).collect();
            let Some((index, said)) = crew.hear(&all, interrupt, GREETING)? else {
                return Err(Trouble::new("interrupted"));
            };
            let Said::Hello(Hello { origin, process }) = said else {
                return Err(Trouble::new("a station does not greet"));
            };
            crew.processes[index] = process;
            if index == 0 {
                crew.origin = origin;
            }
        }
        Ok(crew)
    }

    /// One run, to its end. `order` is for all stations together; `at_gate` is called when all have reached a gate,
    /// before they may pass it.
    pub fn order(
        &mut self,
        order: &Order,
        at_gate: &mut dyn FnMut(Gate) -> Result<(), Trouble>,
        interrupt: &Interrupt,
    ) -> Result<Reply, Trouble> {
        let stations = Stations {
            processes: &self.processes,
            descriptors: self.descriptors,
            origin: self.origin,
        };
        let shares = share::split(order, stations)?;
        let patience = Duration::from_millis(order.warm_ms + order.measure_ms) + PATIENCE;
        let mut run = Run {
            stations: shares.iter().map(|share| share.station).collect(),
            places: shares.iter().map(|_| Place::Working).collect(),
            stopping: None,
        };
        for share in shares {
            self.posts[share.station].tell(&Told::Order(share.order))?;
        }
        let others = Others::begin(&[&self.processes, &order.watch]);
        while !run.is_over() {
            let Some((station, said)) = self.hear(&run.stations, interrupt, patience)? else {
                return Ok(Reply::Interrupted);
            };
            run.take(station, said)?;
            self.go_on(&mut run, at_gate)?;
        }
        match run.stopping {
            Some(Some(trouble)) => Err(trouble),
            Some(None) | None => {
                let mut outcome = merge(run.outcomes())?;
                if let Outcome::Load(load) = &mut outcome {
                    load.others = others?.used()?;
                }
                Ok(Reply::Done(outcome))
            }
        }
    }

    /// Lets all pass a gate that all have reached, or stops all when one cannot go on.
    fn go_on(
        &mut self,
        run: &mut Run,
        at_gate: &mut dyn FnMut(Gate) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        if run.stopping.is_some() {
            return Ok(());
        }
        if run.has_failure() {
            run.stopping = Some(None);
        } else if let Some(gate) = run.common_gate()? {
            match at_gate(gate) {
                Ok(()) => return self.tell_all(run, &Told::Pass),
                Err(trouble) => run.stopping = Some(Some(trouble)),
            }
        }
        if run.stopping.is_some() {
            self.tell_all(run, &Told::Stop)?;
        }
        Ok(())
    }

    fn tell_all(&mut self, run: &mut Run, told: &Told) -> Result<(), Trouble> {
        for (station, place) in run.stations.iter().zip(&mut run.places) {
            if !matches!(place, Place::Done(_)) {
                *place = Place::Working;
                self.posts[*station].tell(told)?;
            }
        }
        Ok(())
    }

    /// The next word of any of these stations; `None` when a signal came first.
    fn hear(
        &mut self,
        stations: &[usize],
        interrupt: &Interrupt,
        patience: Duration,
    ) -> Result<Option<(usize, Said)>, Trouble> {
        let deadline = Deadline::after(patience);
        loop {
            for station in stations {
                if let Some(said) = self.posts[*station].next()? {
                    return Ok(Some((*station, said)));
                }
            }
            let sources = stations.iter().map(|station| self.posts[*station].source());
            let sources: Vec<BorrowedFd<'_>> = sources.collect();
            match interrupt.wait(&sources, &deadline)? {
                Woken::Interrupted => return Ok(None),
                Woken::Late => return Err(Trouble::new("a station does not answer")),
                Woken::Readable(index) => self.posts[stations[index]].receive()?,
            }
        }
    }
}

/// One order on its way.
struct Run {
    /// Who takes part.
    stations: Vec<usize>,
    /// Where each of them is.
    places: Vec<Place>,
    /// All were told to stop: because one failed, or because of this.
    stopping: Option<Option<Trouble>>,
}

impl Run {
    fn take(&mut self, station: usize, said: Said) -> Result<(), Trouble> {
        let known = self.stations.iter().position(|known| *known == station);
        let index = known.ok_or_else(|| Trouble::new("a station speaks out of turn"))?;
        self.places[index] = match said {
            // It was told to stop and said this before it heard.
            Said::Reached(_) if self.stopping.is_some() => Place::Working,
            Said::Reached(gate) => Place::At(gate),
            Said::Done(outcome) => Place::Done(outcome),
            Said::Hello(_) => return Err(Trouble::new("a station greets again")),
        };
        Ok(())
    }

    fn is_over(&self) -> bool {
        let mut places = self.places.iter();
        places.all(|place| matches!(place, Place::Done(_)))
    }

    fn has_failure(&self) -> bool {
        let mut places = self.places.iter();
        places.any(|place| matches!(place, Place::Done(Outcome::Failed(_))))
    }

    /// The gate that all are at. Who is done while others wait is out of step.
    fn common_gate(&self) -> Result<Option<Gate>, Trouble> {
        let mut common = None;
        for place in &self.places {
            match (place, common) {
                (Place::Working, _) => return Ok(None),
                (Place::At(gate), None) => common = Some(*gate),
                (Place::At(gate), Some(other)) if *gate == other => {}
                (Place::At(_), Some(_)) => return Err(Trouble::new("stations are out of step")),
                (Place::Done(_), _) => return Ok(None),
            }
        }
        Ok(common)
    }

    fn outcomes(self) -> Vec<Outcome> {
        let done = self.places.into_iter().filter_map(|place| match place {
            Place::Done(outcome) => Some(outcome),
            Place::Working | Place::At(_) => None,
        });
        done.collect()
    }
}
