//! Tunnels: after a 101 both connections carry bytes that mean nothing to us, each way until its sender ends it
//! (RFC 9110 §7.8).

use crate::http::ending::Ending;
use crate::ring::port::Ring;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::session::Download;
use crate::worker::table::Key;
use crate::worker::transfer::Way;
use crate::worker::transfer::ends;

/// Which directions have been ended towards their receivers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ended {
    up: bool,
    down: bool,
}

impl Ended {
    fn of(&mut self, way: Way) -> &mut bool {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}

impl<R: Ring> Worker<R> {
    /// The 101 is on its way: what each side says from now on goes to the other.
    pub(super) fn begin_tunnel(&mut self, key: Key) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.download = Download::Tunnel(Ended::default());
            session.persistent = false;
            session.reusable = false;
        }
        self.pump_upload(key); // the client may have said something already
    }

    /// Sends on what has come one way, or its end, or asks for more.
    pub(super) fn carry(&mut self, key: Key, way: Way) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(upstream_key) = session.upstream else {
            return;
        };
        let broken = self
            .upstreams
            .get(upstream_key)
            .is_some_and(|one| one.broken);
        let (Some(source), Some(sink)) = ends(&mut self.clients, &mut self.upstreams, session, way)
        else {
            return;
        };
        if sink.sending || source.receiving || (broken && way == Way::Up) {
            return; // what the output still said is read first, then its end
        }
        if source.has_bytes()
            && let Some((buffer, range)) = source.take_bytes()
        {
            let token = match way {
                Way::Up => Kind::UpstreamSend.token(upstream_key),
                Way::Down => Kind::ClientSend.token(session.client),
            };
            sink.send(&mut self.ring, buffer, range, token);
        } else if !source.ended {
            let (client, when) = (session.client, source.next_arrival());
            match way {
                Way::Up => self.receive_from_client(client, when),
                Way::Down => self.receive_from_upstream(upstream_key, when),
            }
        } else if broken {
            self.fail(key, Ending::OutputGone);
        } else {
            self.pass_end(key, way);
        }
    }

    /// A side has said all it will say: so does ours towards the other, once. The tunnel ends with the second end.
    fn pass_end(&mut self, key: Key, way: Way) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let (_, sink) = ends(&mut self.clients, &mut self.upstreams, session, way);
        let (Some(sink), Download::Tunnel(ended)) = (sink, &mut session.download) else {
            return;
        };
        if !std::mem::replace(ended.of(way), true) {
            self.ring.stop_sending(sink.socket);
        }
        if ended.up && ended.down {
            self.close_tunnel(key);
        }
    }
}
