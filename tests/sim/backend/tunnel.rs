//! A backend on a connection that switched protocols.

use crate::backend::Backend;
use crate::backend::Ill;
use crate::message::Answer;
use crate::message::Spec;
use crate::tunnel::End;
use crate::tunnel::Heard;
use crate::tunnel::Side;
use crate::tunnel::is_steady;
use crate::world::World;

impl Backend {
    /// Answers with a 101; what it says first leaves with that.
    pub(super) fn begin_tunnel(&mut self, world: &mut World, spec: &Spec, answer: &Answer) {
        let tunnel = spec.tunnel.expect("it asked for one");
        let mut first = std::mem::take(&mut self.output);
        if answer.interim == Some(103) {
            first.extend(answer.interim_bytes());
        }
        first.extend(answer.bytes(&mut world.random));
        let mut end = End::new(world, &tunnel, Side::Backend, first);
        let cut = |at: usize| at % (end.all() + 1);
        self.ill = match self.ill {
            Some(Ill::Reset(at)) => Some(Ill::Reset(cut(at))),
            Some(Ill::Fin(at)) => Some(Ill::Fin(cut(at))),
            Some(Ill::Stall(at)) => Some(Ill::Stall(cut(at))),
            Some(Ill::Vanish) => {
                world.conns[self.conn].stalled = true;
                self.ill
            }
            _ => None,
        };
        world.note(|| {
            format!(
                "backend conn {}: tunnel {}, {:?}",
                self.conn, spec.id, self.ill
            )
        });
        end.hear(&std::mem::take(&mut self.input));
        self.tunnel = Some(end);
    }

    /// Does what is due in a tunnel; when it acts next, or `None`: it has ended.
    pub(super) fn act_in_tunnel(&mut self, world: &mut World, mut end: End) -> Option<u64> {
        let (conn, server) = (self.conn, self.server);
        loop {
            match end.listen(world, conn, 100_000) {
                Heard::More(0) => break,
                Heard::More(_) => {}
                Heard::End if end.has_ended() => break,
                heard => {
                    if heard == Heard::End {
                        world.ledger.ended(end.id);
                    }
                    world.note(|| format!("backend conn {conn}: tunnel {} cut", end.id));
                    assert!(
                        !is_steady(&world.profile),
                        "backend {server}: tunnel {} was cut: {heard:?}",
                        end.id
                    );
                    world.conns[conn].close();
                    return None;
                }
            }
        }
        let limit = match self.ill {
            Some(Ill::Reset(at) | Ill::Fin(at) | Ill::Stall(at)) => at,
            _ => usize::MAX,
        };
        end.say(world, conn, limit);
        if end.said() >= limit && self.breaks_off(world, end.id) {
            return None;
        }
        if end.is_done() {
            world.conns[conn].close();
            return None;
        }
        let next = match self.ill {
            Some(Ill::Stall(at)) if end.said() >= at => u64::MAX,
            _ => end.next(world, conn),
        };
        self.tunnel = Some(end);
        Some(next)
    }

    /// It is time for its ill. True: that ended the connection.
    fn breaks_off(&mut self, world: &mut World, id: u64) -> bool {
        match self.ill {
            Some(Ill::Reset(_)) => {
                let lossy = world.random.chance(500);
                world.conns[self.conn].reset(lossy);
                true
            }
            Some(Ill::Fin(_)) => {
                world.ledger.left_early.push(id);
                world.conns[self.conn].close();
                true
            }
            _ => false,
        }
    }
}
