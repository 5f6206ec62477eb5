//! The station: load generator and origin in one process, on one ring, on one core. It does what the
//! crew orders and says what came of it.
//!
//! One process for both, because two would wake each other for every batch: that costs time which is then
//! missing to keep a proxy busy.

pub mod body;
pub mod clients;
pub mod fault;
pub mod held;
pub mod line;
pub mod load;
pub mod offered;
pub mod order;
pub mod origin;
pub mod question;
#[cfg(test)]
mod tests;
pub mod times;

use std::rc::Rc;

use halb::model::time::Instant;
use halb::ring::arena::Buffer;
use halb::ring::port::Completion;
use halb::ring::port::Ring;
use halb::ring::port::Socket;

use crate::station::body::pattern::Pattern;
use crate::station::clients::Clients;
use crate::station::clients::Event;
use crate::station::held::HeldJob;
use crate::station::line::Heard;
use crate::station::line::Line;
use crate::station::load::LoadJob;
use crate::station::order::Hello;
use crate::station::order::Kind;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::station::order::Said;
use crate::station::order::Told;
use crate::station::origin::Origin;
use crate::station::question::Question;
use crate::trouble::Trouble;

/// Serves as origin on `listener` and takes orders from the crew at the other end of `line`, until that hangs up.
pub fn serve<R: Ring>(
    ring: &mut R,
    listener: Socket,
    line: Socket,
    hello: Hello,
) -> Result<(), Trouble> {
    let mut station = Station {
        pattern: Rc::new(Pattern::new()),
        origin: Origin::start(ring, listener),
        line: Line::new(line),
        job: None,
        over: false,
    };
    station.line.say(ring, &Said::Hello(hello))?;
    station.line.listen(ring);
    let mut completions = Vec::new();
    while !station.over {
        let job = station.job.as_ref().and_then(Job::deadline);
        let until = job.into_iter().chain(station.origin.deadline()).min();
        ring.turn(until, &mut completions);
        for completion in completions.drain(..) {
            station.on_completion(ring, completion)?;
        }
        station.origin.on_time(ring, &station.pattern);
        station.on_time(ring)?;
    }
    Ok(())
}

/// Serves as origin only, for as long as the process lives.
pub fn serve_origin<R: Ring>(ring: &mut R, listener: Socket) -> ! {
    let pattern = Pattern::new();
    let mut origin = Origin::start(ring, listener);
    let mut completions = Vec::new();
    loop {
        ring.turn(origin.deadline(), &mut completions);
        for completion in completions.drain(..) {
            match completion.token.kind {
                origin::ACCEPT => origin.on_accept(ring, &completion),
                origin::RECV => origin.on_recv(ring, completion, &pattern),
                _ => origin.on_send(ring, completion, &pattern),
            }
        }
        origin.on_time(ring, &pattern);
    }
}

enum Job {
    Load(Box<LoadJob>),
    Held(Box<HeldJob>),
}

struct Station {
    pattern: Rc<Pattern>,
    origin: Origin,
    line: Line,
    job: Option<Job>,
    over: bool,
}

impl Station {
    fn on_completion<R: Ring>(
        &mut self,
        ring: &mut R,
        completion: Completion,
    ) -> Result<(), Trouble> {
        match completion.token.kind {
            origin::ACCEPT => self.origin.on_accept(ring, &completion),
            origin::RECV => self.origin.on_recv(ring, completion, &self.pattern),
            origin::SEND => self.origin.on_send(ring, completion, &self.pattern),
            line::RECV => match self.line.on_bytes(ring, completion)? {
                Heard::End => self.over = true,
                Heard::Bytes => {
                    while let Some(told) = self.line.next()? {
                        self.on_told(ring, told)?;
                    }
                }
            },
            line::SEND => self.line.on_sent(ring, completion)?,
            _ => {
                if let Some(job) = &mut self.job {
                    let event = job.clients().on_completion(ring, completion);
                    if let Some(event) = event {
                        job.on_event(ring, event);
                    }
                }
            }
        }
        Ok(())
    }

    fn on_told<R: Ring>(&mut self, ring: &mut R, told: Told) -> Result<(), Trouble> {
        match (told, &mut self.job) {
            (Told::Order(_), Some(_)) => {
                Err(Trouble::new("an order came before the last was done"))
            }
            (Told::Order(order), None) => self.begin(ring, order),
            (Told::Pass, Some(job)) => {
                job.pass(ring);
                Ok(())
            }
            (Told::Stop, Some(job)) => {
                job.stop(ring);
                Ok(())
            }
            // It ended by itself just before.
            (Told::Pass | Told::Stop, None) => Ok(()),
        }
    }

    fn on_time<R: Ring>(&mut self, ring: &mut R) -> Result<(), Trouble> {
        let Some(job) = &mut self.job else {
            return Ok(());
        };
        let Some(mut said) = job.on_time(ring) else {
            return Ok(());
        };
        if let Said::Done(outcome) = &mut said {
            self.job = None;
            let strange = std::mem::take(&mut self.origin.faults);
            add_strange(outcome, strange);
        }
        self.line.say(ring, &said)
    }

    fn begin<R: Ring>(&mut self, ring: &mut R, order: Order) -> Result<(), Trouble> {
        let mut asked = order.asked;
        if order.kind == Kind::Hold {
            asked.pace_bytes_s = 0; // only of those that have a response under way
        }
        let question = Question {
            target: order.target,
            asked,
            fresh: order.kind == Kind::Fresh,
            first_source: order.first_source,
        };
        let clients = Clients::new(question, Rc::clone(&self.pattern));
        let job = match order.kind {
            Kind::Idle | Kind::Hold => {
                HeldJob::start(ring, order, clients).map(|job| Job::Held(Box::new(job)))
            }
            Kind::Keep | Kind::Fresh | Kind::Offered => {
                LoadJob::start(ring, order, clients).map(|job| Job::Load(Box::new(job)))
            }
        };
        match job {
            Ok(job) => self.job = Some(job),
            Err(reason) => {
                let said = Said::Done(Outcome::Failed(reason));
                self.line.say(ring, &said)?;
            }
        }
        Ok(())
    }
}

impl Job {
    fn clients(&mut self) -> &mut Clients {
        match self {
            Job::Load(job) => job.clients(),
            Job::Held(job) => job.clients(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Job::Load(job) => job.deadline(),
            Job::Held(job) => job.deadline(),
        }
    }

    fn on_event<R: Ring>(&mut self, ring: &mut R, event: Event) {
        match self {
            Job::Load(job) => job.on_event(ring, event),
            Job::Held(job) => job.on_event(ring, event),
        }
    }

    fn on_time<R: Ring>(&mut self, ring: &mut R) -> Option<Said> {
        match self {
            Job::Load(job) => job.on_time(ring),
            Job::Held(job) => job.on_time(ring),
        }
    }

    fn pass<R: Ring>(&mut self, ring: &mut R) {
        match self {
            Job::Load(job) => job.pass(ring),
            Job::Held(job) => job.pass(ring),
        }
    }

    fn stop<R: Ring>(&mut self, ring: &mut R) {
        match self {
            Job::Load(job) => job.stop(ring),
            Job::Held(job) => job.stop(ring),
        }
    }
}

/// Adds what the origin did not recognize as ours.
fn add_strange(outcome: &mut Outcome, count: u64) {
    let faults = match outcome {
        Outcome::Load(load) => &mut load.faults,
        Outcome::Held(held) => &mut held.faults,
        Outcome::Failed(_) => return,
    };
    if count > 0 {
        faults.insert("request changed on its way to the origin".to_owned(), count);
    }
}

/// A buffer that a completion brought along goes home.
pub fn give_back<R: Ring>(ring: &mut R, buffer: Option<Buffer>) {
    if let Some(buffer) = buffer {
        ring.give_back(buffer);
    }
}
