//! A session's way to its output: the head, then the body as it comes.

use crate::http::ending::Ending;
use crate::ring::arena::Buffer;
use crate::ring::port::Arrival;
use crate::ring::port::Ring;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::session::Download;
use crate::worker::session::First;
use crate::worker::table::Key;
use crate::worker::transfer::Taken;
use crate::worker::transfer::Way;
use crate::worker::transfer::add_to_head;
use crate::worker::transfer::make_room;
use crate::worker::transfer::take_piece;
use crate::worker::upstream::State;

impl<R: Ring> Worker<R> {
    /// Puts as much of the body behind the composed head as has come with it.
    pub(super) fn add_body_to_first(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(client) = self.clients.get_mut(session.client) else {
            return;
        };
        let First::Ready(buffer, length) = &mut session.first else {
            return;
        };
        let relay = &mut session.upload;
        // What may be sent again is kept until the response comes: too long for a large buffer.
        if !relay.finished() && !session.method.is_idempotent() {
            make_room(&mut self.ring, &client.stream, buffer, *length);
        }
        match add_to_head(&mut self.ring, &mut client.stream, relay, buffer, *length) {
            Ok(end) => {
                *length = end;
                session.whole = session.upload.finished();
            }
            Err(fault) => self.fail(key, Ending::RequestBody(fault)),
        }
    }

    /// Sends what can be sent of the request, or asks for more of it.
    pub(super) fn pump_upload(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(upstream_key) = session.upstream else {
            return;
        };
        let Some(upstream) = self.upstreams.get_mut(upstream_key) else {
            return;
        };
        if upstream.state != State::Busy(key) || upstream.stream.sending {
            return;
        }
        if let First::Ready(_, length) = session.first {
            let First::Ready(buffer, _) =
                std::mem::replace(&mut session.first, First::Flying(length))
            else {
                return;
            };
            let token = Kind::UpstreamSend.token(upstream_key);
            upstream
                .stream
                .send(&mut self.ring, buffer, 0..length, token);
            self.receive_from_upstream(upstream_key, Arrival::Later);
        }
        self.continue_upload(key);
        self.renew_deadlines(key);
    }

    /// A stretch of the request has been sent, or its connection turned out to be broken.
    pub(super) fn on_uploaded(&mut self, key: Key, buffer: Buffer, delivered: bool) {
        let Some(session) = self.sessions.get_mut(key) else {
            self.ring.give_back(buffer);
            return;
        };
        match session.first {
            // Kept ones are the first to go without: were all buffers kept, no response would find one.
            First::Flying(length) if session.may_resend() && !self.ring.is_short() => {
                session.first = First::Kept(buffer, length);
            }
            First::Flying(_) => {
                session.first = First::Gone;
                self.ring.give_back(buffer);
            }
            First::Ready(..) | First::Kept(..) | First::Gone => self.ring.give_back(buffer),
        }
        self.after_upload(key, delivered);
    }

    /// Goes on after a stretch has been sent, or after the output turned out to take no more.
    pub(super) fn after_upload(&mut self, key: Key, delivered: bool) {
        if delivered {
            self.pump_upload(key);
        } else {
            self.on_upload_broken(key);
        }
        self.release_upstream(key);
        self.pump_download(key);
    }

    /// The output takes no more. It may have answered all the same, so what it said is read first.
    fn on_upload_broken(&mut self, key: Key) {
        let Some(upstream_key) = self.sessions.get(key).and_then(|session| session.upstream) else {
            return;
        };
        if let Some(upstream) = self.upstreams.get_mut(upstream_key) {
            upstream.broken = true;
            if !upstream.stream.ended && !upstream.stream.has_bytes() {
                self.receive_from_upstream(upstream_key, Arrival::Now);
            }
        }
    }

    fn continue_upload(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if session.pipe(Way::Up).is_some() {
            self.move_bulk(key, Way::Up);
            return;
        }
        if session.upload.finished() && matches!(session.download, Download::Tunnel(_)) {
            self.carry(key, Way::Up);
            return;
        }
        let Some(upstream_key) = session.upstream else {
            return;
        };
        let Some(upstream) = self.upstreams.get_mut(upstream_key) else {
            return;
        };
        let Some(client) = self.clients.get_mut(session.client) else {
            return;
        };
        let client_key = session.client;
        if session.upload.finished() {
            // The next request, or the end of the connection, may come any time.
            if !client.stream.has_bytes() && !client.stream.ended {
                self.receive_from_client(client_key, Arrival::Later);
            }
            return;
        }
        if upstream.stream.sending || upstream.broken {
            return;
        }
        match take_piece(&mut self.ring, &mut client.stream, &mut session.upload) {
            Ok(Taken::Piece(buffer, range)) => {
                let token = Kind::UpstreamSend.token(upstream_key);
                upstream.stream.send(&mut self.ring, buffer, range, token);
            }
            Ok(Taken::More) if client.stream.ended => self.fail(key, Ending::ClientGone),
            Ok(Taken::More) => {
                if !self.begin_bulk(key, Way::Up) {
                    self.receive_from_client(client_key, Arrival::Now);
                }
            }
            Ok(Taken::Done) => {}
            Ok(Taken::NoBuffer) => {
                session.persistent = false; // the beginning of the next request is lost
                self.fail(key, Ending::NoBuffer);
            }
            Err(fault) => self.fail(key, Ending::RequestBody(fault)),
        }
    }
}
