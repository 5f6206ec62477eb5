//! The station: load generator and origin in one process, on one ring, on one core. It does what the
//! crew orders and says what came of it.
//!
//! One process for both, because two would wake each other for every batch: that costs time which is then
//! missing to keep a proxy busy.

pub mod clients;
pub mod idle;
pub mod load;
pub mod order;
pub mod origin;
pub mod pattern;
pub mod response;
#[cfg(test)]
mod tests;

use halb::model::time::Instant;
use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use halb::ring::token::Token;

use crate::station::clients::Clients;
use crate::station::clients::Event;
use crate::station::clients::Question;
use crate::station::idle::IdleJob;
use crate::station::load::LoadJob;
use crate::station::order::Hello;
use crate::station::order::Kind;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::station::order::Said;
use crate::station::order::Told;
use crate::station::origin::Origin;
use crate::station::pattern::Pattern;
use crate::trouble::Trouble;
use crate::trouble::While;

const ORDER_RECV: u8 = 6;
const REPLY_SEND: u8 = 7;

/// Serves as origin on `listener` and takes orders from `conductor`, until the conductor hangs up.
pub fn serve<R: Ring>(
    ring: &mut R,
    listener: Socket,
    conductor: Socket,
    hello: Hello,
) -> Result<(), Trouble> {
    let mut station = Station {
        pattern: Pattern::new(),
        origin: Origin::start(ring, listener),
        conductor,
        received: Vec::new(),
        job: None,
        over: false,
    };
    station.say(ring, &Said::Hello(hello))?;
    station.listen(ring);
    let mut completions = Vec::new();
    while !station.over {
        let until = station.job.as_ref().and_then(Job::deadline);
        ring.turn(until, &mut completions);
        for completion in completions.drain(..) {
            station.on_completion(ring, completion)?;
        }
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
        ring.turn(None, &mut completions);
        for completion in completions.drain(..) {
            match completion.token.kind {
                origin::ACCEPT => origin.on_accept(ring, &completion),
                origin::RECV => origin.on_recv(ring, completion, &pattern),
                _ => origin.on_send(ring, completion, &pattern),
            }
        }
    }
}

enum Job {
    Load(LoadJob),
    Idle(IdleJob),
}

struct Station {
    pattern: Pattern,
    origin: Origin,
    conductor: Socket,
    /// The beginning of an order.
    received: Vec<u8>,
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
            ORDER_RECV => self.on_order_bytes(ring, completion)?,
            REPLY_SEND => {
                completion.result.during("answering the conductor")?;
                give_back(ring, completion.buffer);
            }
            _ => {
                if let Some(job) = &mut self.job {
                    let event = job.clients().on_completion(ring, completion, &self.pattern);
                    if let Some(event) = event {
                        job.on_event(ring, event);
                    }
                }
            }
        }
        Ok(())
    }

    fn on_time<R: Ring>(&mut self, ring: &mut R) -> Result<(), Trouble> {
        let Some(job) = &mut self.job else {
            return Ok(());
        };
        let Some(mut outcome) = job.on_time(ring) else {
            return Ok(());
        };
        self.job = None;
        let strange = std::mem::take(&mut self.origin.faults);
        if let Outcome::Load(order::Load { faults, .. }) | Outcome::Held(order::Held { faults, .. }) =
            &mut outcome
            && strange > 0
        {
            faults.insert(
                "request changed on its way to the origin".to_owned(),
                strange,
            );
        }
        self.say(ring, &Said::Done(outcome))
    }

    fn on_order_bytes<R: Ring>(
        &mut self,
        ring: &mut R,
        completion: Completion,
    ) -> Result<(), Trouble> {
        let count = completion.result.during("hearing the conductor")? as usize;
        let Some(buffer) = completion.buffer else {
            self.over = true; // 0 bytes: the conductor has gone
            return Ok(());
        };
        self.received
            .extend_from_slice(&buffer[HEADROOM..HEADROOM + count]);
        ring.give_back(buffer);
        if let Some(line) = self.received.strip_suffix(b"\n") {
            let told: Told = serde_json::from_slice(line).during("understanding an order")?;
            self.received.clear();
            match told {
                Told::Order(order) => self.begin(ring, order)?,
                Told::Pass => {}
            }
        }
        self.listen(ring);
        Ok(())
    }

    fn begin<R: Ring>(&mut self, ring: &mut R, order: Order) -> Result<(), Trouble> {
        let clients = Clients::new(Question {
            target: order.target,
            body_bytes: order.asked.body_bytes,
            head_bytes: order.asked.head_bytes,
            fresh: order.kind == Kind::Fresh,
        });
        match order.kind {
            Kind::Idle | Kind::Hold => {
                self.job = Some(Job::Idle(IdleJob::start(ring, order, clients)))
            }
            Kind::Keep | Kind::Fresh | Kind::Offered => {
                match LoadJob::start(ring, order, clients) {
                    Ok(job) => self.job = Some(Job::Load(job)),
                    Err(reason) => self.say(ring, &Said::Done(Outcome::Failed(reason)))?,
                }
            }
        }
        Ok(())
    }

    fn listen<R: Ring>(&self, ring: &mut R) {
        let token = own_token(ORDER_RECV);
        ring.recv(self.conductor, Into::Pick, Arrival::Later, token);
    }

    /// Writes one line to the conductor.
    fn say<R: Ring>(&self, ring: &mut R, line: &impl serde::Serialize) -> Result<(), Trouble> {
        let mut text = serde_json::to_vec(line).during("writing an answer")?;
        text.push(b'\n');
        let buffer = ring.lease(Size::Large);
        let mut buffer = buffer.ok_or_else(|| Trouble::new("no buffer for an answer"))?;
        let place = buffer.get_mut(..text.len());
        let place = place.ok_or_else(|| Trouble::new("an answer is too long"))?;
        place.copy_from_slice(&text);
        ring.send(self.conductor, buffer, 0..text.len(), own_token(REPLY_SEND));
        Ok(())
    }
}

impl Job {
    fn clients(&mut self) -> &mut Clients {
        match self {
            Job::Load(job) => job.clients(),
            Job::Idle(job) => job.clients(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Job::Load(job) => job.deadline(),
            Job::Idle(job) => job.deadline(),
        }
    }

    fn on_event<R: Ring>(&mut self, ring: &mut R, event: Event) {
        match self {
            Job::Load(job) => job.on_event(ring, event),
            Job::Idle(job) => job.on_event(ring, event),
        }
    }

    fn on_time<R: Ring>(&mut self, ring: &mut R) -> Option<Outcome> {
        match self {
            Job::Load(job) => job.on_time(ring),
            Job::Idle(job) => job.on_time(ring),
        }
    }
}

fn own_token(kind: u8) -> Token {
    Token {
        kind,
        slot: 0,
        generation: 0,
    }
}

fn give_back<R: Ring>(ring: &mut R, buffer: Option<Buffer>) {
    if let Some(buffer) = buffer {
        ring.give_back(buffer);
    }
}
