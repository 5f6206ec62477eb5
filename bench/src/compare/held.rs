//! Memory: what a connection costs in user space, idle and with a response under way.

use crate::compare::Comparison;
use crate::compare::Next;
use crate::compare::contender::Started;
use crate::compare::stages::SHORT_BODY_BYTES;
use crate::compare::stages::keep;
use crate::crew::Crew;
use crate::crew::Reply;
use crate::machine::memory;
use crate::machine::memory::Memory;
use crate::record::contender::Contender;
use crate::record::memory::Doing;
use crate::record::memory::MemoryFigure;
use crate::record::run::Part;
use crate::record::run::Scene;
use crate::station::order::Gate;
use crate::station::order::Held;
use crate::station::order::Kind;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::trouble::Trouble;

/// What the origin sends on each connection that has a response under way: more than a contender gathers in a buffer before it
/// passes anything on.
const PACE_BYTES_S: u64 = 8000;
/// For how long: opening them all and reading the memory has to fit into that.
const PACED_MS: u64 = 3000;
const PACED_MS_EACH: u64 = 4;

impl Comparison<'_> {
    /// Everybody in turn, each once: memory does not drift as speed does.
    pub fn held(
        &mut self,
        wanted: &[(Doing, usize)],
        crew: &mut Crew,
        started: &mut [Started],
    ) -> Result<Next, Trouble> {
        for (doing, connections) in wanted {
            for one in started.iter_mut() {
                if one.contender == Contender::DIRECT {
                    continue;
                }
                if self.hold(*doing, *connections, crew, one)? == Next::Stop {
                    return Ok(Next::Stop);
                }
            }
        }
        Ok(Next::GoOn)
    }

    fn hold(
        &mut self,
        doing: Doing,
        connections: usize,
        crew: &mut Crew,
        one: &mut Started,
    ) -> Result<Next, Trouble> {
        let order = self.hold_order(doing, connections, one);
        let mut readings = Vec::new();
        let mut read = |_: Gate| {
            readings.push(memory::of(&one.processes)?);
            Ok(())
        };
        let reply = crew.order(&order, &mut read, self.interrupt)?;
        let held = match reply {
            Reply::Interrupted => return Ok(Next::Stop),
            Reply::Done(Outcome::Held(held)) => held,
            // It could not be done: the others go on.
            Reply::Done(Outcome::Failed(reason)) => Held {
                faults: [(reason, 1)].into(),
                ..Held::default()
            },
            Reply::Done(Outcome::Load(_)) => {
                return Err(Trouble::new("the station did another job"));
            }
        };
        one.check()?;
        let memory = match readings.as_slice() {
            [before, during] => (*before, *during),
            _ => (Memory::default(), Memory::default()), // it did not come so far
        };
        let contender = one.contender.clone();
        let figure = MemoryFigure::of(contender, doing, connections, held, memory);
        self.report.memory.push(figure);
        Ok(Next::GoOn)
    }

    fn hold_order(&mut self, doing: Doing, connections: usize, one: &Started) -> Order {
        let idle = doing == Doing::Idle;
        let scene = Scene {
            kind: if idle { Kind::Idle } else { Kind::Hold },
            ..keep(Part::Memory, connections, SHORT_BODY_BYTES)
        };
        self.tell(&one.contender, scene, 0);
        let mut order = self.order(scene, one);
        order.asked.head_bytes = self.plan.idle_head_bytes;
        if !idle {
            order.moving = connections;
            order.asked.pace_bytes_s = PACE_BYTES_S;
            order.measure_ms = PACED_MS + PACED_MS_EACH * connections as u64;
        }
        order
    }
}
