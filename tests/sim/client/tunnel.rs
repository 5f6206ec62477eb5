//! A client on a connection that switched protocols.

use crate::client::Client;
use crate::client::Link;
use crate::ledger;
use crate::ledger::Outcome;
use crate::parse::Head;
use crate::profile::MILLISECOND;
use crate::profile::SECOND;
use crate::tunnel::End;
use crate::tunnel::Heard;
use crate::tunnel::Side;
use crate::world::World;

impl Client {
    /// A 101 has come: no HTTP from here on.
    pub(super) fn begin_tunnel(&mut self, world: &mut World, link: &mut Link, head: &Head) {
        let spec = link
            .waiting
            .pop_front()
            .expect("a response has its request");
        ledger::switched(&world.profile, &spec, head)
            .unwrap_or_else(|fault| panic!("client {}: {fault}", self.index));
        assert!(
            link.waiting.is_empty() && link.output.is_empty(),
            "a 101 before the request had gone"
        );
        let tunnel = spec.tunnel.expect("it asked for one");
        let mut end = End::new(world, &tunnel, Side::Client, Vec::new());
        end.hear(&std::mem::take(&mut link.input));
        world.note(|| format!("client {}: tunnel {}", self.index, spec.id));
        world.ledger.switched.push(spec.id);
        if link.turned_ill {
            world.ledger.left_early.push(spec.id);
        }
        link.tunnel = Some(end);
        link.last_sent = true;
    }

    /// Does what is due in a tunnel; when it acts next.
    pub(super) fn act_in_tunnel(&mut self, world: &mut World, mut link: Link, mut end: End) -> u64 {
        let over = link.turned_ill && self.is_over(world, &mut link);
        let outcome = match over {
            true => Some(Outcome::Left),
            false => pass(world, &mut link, &mut end),
        };
        if let Some(outcome) = outcome {
            let outcome = match link.turned_ill {
                true => Outcome::Left,
                false => outcome,
            };
            world.note(|| format!("client {}: tunnel {} ended {outcome:?}", self.index, end.id));
            world.ledger.record(end.id, outcome);
            if !over {
                world.conns[link.conn].close();
            }
            return world.now + world.random.below(MILLISECOND);
        }
        let next = self.next_in_tunnel(world, &link, &end);
        link.tunnel = Some(end);
        self.link = Some(link);
        next
    }

    fn next_in_tunnel(&self, world: &mut World, link: &Link, end: &End) -> u64 {
        let limit = link.since + world.profile.patience();
        assert!(
            world.now < limit,
            "client {}: no sign in tunnel {} for {} s",
            self.index,
            end.id,
            world.profile.patience() / SECOND
        );
        let mut next = limit;
        if link.writes {
            next = next.min(end.next(world, link.conn));
        }
        if link.reads && !end.has_ended() && world.conns[link.conn].has_bytes() {
            next = next.min(world.now + 1 + link.pause(world));
        }
        next
    }
}

/// Listens and speaks. What came of the tunnel, when it is over.
fn pass(world: &mut World, link: &mut Link, end: &mut End) -> Option<Outcome> {
    let cut = Some(Outcome::Cut { begun: true });
    if link.reads {
        match end.listen(world, link.conn, link.manner.read_most) {
            Heard::Reset => return cut,
            Heard::End if !end.has_ended() => {
                world.ledger.ended(end.id);
                return cut;
            }
            Heard::End if link.turned_ill => {
                world.ledger.left_early.push(end.id);
                return cut;
            }
            Heard::End => {}
            Heard::More(count) => link.has_moved(world, count),
        }
    }
    if link.writes {
        let count = end.say(world, link.conn, usize::MAX);
        link.has_moved(world, count);
    }
    end.is_done().then_some(Outcome::Exact)
}
