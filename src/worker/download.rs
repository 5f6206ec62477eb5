//! A session's way back to its client: the response's head, then its body as it comes.

use crate::http::body::Framing;
use crate::http::body::Relay;
use crate::http::ending::Ending;
use crate::http::forward;
use crate::http::forward::ResponseRules;
use crate::http::request::Version;
use crate::http::response;
use crate::http::response::Asked;
use crate::http::response::Broken;
use crate::http::response::Response;
use crate::http::writer::Full;
use crate::http::writer::Writer;
use crate::plane::Order;
use crate::ring::arena::Buffer;
use crate::ring::port::Arrival;
use crate::ring::port::Ring;
use crate::ring::port::Size;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::client::Client;
use crate::worker::hunger::Starved;
use crate::worker::session::Download;
use crate::worker::session::First;
use crate::worker::session::Session;
use crate::worker::table::Key;
use crate::worker::transfer::Taken;
use crate::worker::transfer::Way;
use crate::worker::transfer::add_to_head;
use crate::worker::transfer::make_room;
use crate::worker::transfer::take_piece;

impl<R: Ring> Worker<R> {
    /// Sends what can be sent of the response, or asks for more of it.
    pub(super) fn pump_download(&mut self, key: Key) {
        let Some(session) = self.sessions.get(key) else {
            return;
        };
        if self
            .clients
            .get(session.client)
            .is_none_or(|client| client.stream.sending)
        {
            return;
        }
        match session.download {
            Download::Awaited => self.read_response(key),
            Download::Under(_) => self.relay_response(key),
            Download::Tunnel(_) => self.carry(key, Way::Down),
        }
        self.renew_deadlines(key);
    }

    /// Goes on with one direction of a session.
    pub(super) fn pump(&mut self, key: Key, way: Way) {
        match way {
            Way::Up => self.pump_upload(key),
            Way::Down => self.pump_download(key),
        }
    }

    /// Tries once more to forward a head for which there was no buffer. Only success renews the patience.
    pub(super) fn forward_head_again(&mut self, key: Key) {
        let awaited = |session: &Session| matches!(session.download, Download::Awaited);
        let Some(session) = self.sessions.get(key).filter(|session| awaited(session)) else {
            return;
        };
        let client = session.client;
        let is_sending = |one: &Client| one.stream.sending;
        if self.clients.get(client).is_none_or(is_sending) {
            return;
        }
        self.read_response(key);
        if self.clients.get(client).is_some_and(is_sending) {
            self.renew_deadlines(key);
        }
    }

    /// Reads the response's head from what has come, or asks for more.
    fn read_response(&mut self, key: Key) {
        let Some(session) = self.sessions.get(key) else {
            return;
        };
        let Some(upstream_key) = session.upstream else {
            return;
        };
        let Some(upstream) = self.upstreams.get(upstream_key) else {
            return;
        };
        let ended = upstream.stream.ended;
        if !upstream.stream.has_bytes() {
            match (ended, upstream.stream.sending) {
                (false, _) => self.receive_from_upstream(upstream_key, Arrival::Later),
                (true, false) => self.on_output_gone(key),
                (true, true) => {} // decided when the send has come home
            }
            return;
        }
        let (bytes, limit) = (upstream.stream.bytes(), self.plan.max_head_bytes);
        let asked = Asked {
            method: session.method,
            upgrade: session.asks_switch,
        };
        match response::parse(bytes, limit, asked, &mut self.fields) {
            Ok(Some(response)) => self.forward_head(key, upstream_key, &response),
            Ok(None) if ended => self.fail(key, Ending::OutputGone),
            Ok(None) => self.receive_from_upstream(upstream_key, Arrival::Now),
            Err(broken) => self.fail(key, Ending::BrokenResponse(broken)),
        }
    }

    /// Its connection ended before a byte of the response came.
    fn on_output_gone(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if !session.may_resend() {
            self.fail(key, Ending::OutputGone);
            return;
        }
        match std::mem::replace(&mut session.first, First::Gone) {
            First::Ready(buffer, length) | First::Kept(buffer, length) => {
                session.first = First::Ready(buffer, length);
                session.resent = true;
                let (upstream, output, tie) =
                    (session.upstream.take(), session.output, session.tie);
                if let Some(upstream) = upstream {
                    self.close_upstream(upstream);
                }
                let next = self.choose_again(output, tie);
                self.move_to(key, next, Ending::OutputGone);
            }
            First::Flying(_) | First::Gone => self.fail(key, Ending::OutputGone),
        }
    }

    /// Its output, or the tunnel to it, has been silent for too long.
    pub(super) fn on_output_silent(&mut self, key: Key) {
        let tunnel = |session: &Session| matches!(session.download, Download::Tunnel(_));
        let ending = match self.sessions.get(key).is_some_and(tunnel) {
            true => Ending::TunnelIdle,
            false => Ending::ServerTimeout,
        };
        self.fail(key, ending);
    }

    /// The response's head is there.
    fn forward_head(&mut self, key: Key, upstream_key: Key, response: &Response) {
        let version = self.sessions.get(key).map(|session| session.version);
        if response.is_interim() && version == Some(Version::Http10) {
            self.skip_head(key, upstream_key, response); // RFC 9110 §15.2: an HTTP/1.0 client knows no 1xx
        } else if self.learn(key, response) {
            self.send_on(key, upstream_key, response);
        } // else it is read again once every worker knows what it teaches
    }

    /// The head goes on to the client, with what has come of the body.
    fn send_on(&mut self, key: Key, upstream_key: Key, response: &Response) {
        let handed_over = self.hands_service_over();
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let (interim, switches) = (response.is_interim(), response.switches());
        let onward = forward::onward(response, session.version);
        let close = !interim
            && !switches
            && (!session.persistent
                || onward.must_close
                || !session.upload.finished()
                || self.order != Order::Run
                || handed_over
                || self.plane.anyone_waits());
        let rules = ResponseRules {
            client: session.version,
            framing: onward.framing,
            close,
            via: self.plan.via,
            unix_seconds: self.ring.unix_seconds(),
        };
        let Some((buffer, length)) = self.compose_head(key, upstream_key, response, &rules) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(upstream) = self.upstreams.get_mut(upstream_key) else {
            return;
        };
        upstream.stream.consume(&mut self.ring, response.head_bytes);
        if interim {
            session.awaits_continue = false;
            session.whole = false; // a byte of the response has come: it is not asked for twice
            self.send_to_client(key, buffer, length);
            return;
        }
        let kept = session.take_first();
        self.take_back(kept);
        self.note_answered(key, response.status);
        if switches {
            self.send_to_client(key, buffer, length);
            self.begin_tunnel(key);
            return;
        }
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        session.persistent &= !close;
        session.reusable = response.persistent && !matches!(response.body, Framing::UntilClose);
        session.download = Download::Under(Relay::new(response.body, onward.framing));
        self.send_head(key, upstream_key, buffer, length);
    }

    /// The head as the client gets it. `None`: it has been seen to otherwise.
    fn compose_head(
        &mut self,
        key: Key,
        upstream_key: Key,
        response: &Response,
        rules: &ResponseRules,
    ) -> Option<(Buffer, usize)> {
        for size in [Size::Small, Size::Large] {
            let upstream = self.upstreams.get(upstream_key)?;
            let Some(mut buffer) = self.ring.lease(size) else {
                self.starve(Starved::Download(key));
                return None;
            };
            let mut writer = Writer::new(&mut buffer);
            let bytes = upstream.stream.bytes();
            let written = forward::response(
                response,
                &self.fields,
                bytes,
                &self.affinity.edits,
                rules,
                &mut writer,
            );
            let length = writer.used();
            match written {
                Ok(()) => return Some((buffer, length)),
                Err(Full) => self.ring.give_back(buffer),
            }
        }
        self.fail(key, Ending::BrokenResponse(Broken::HeadTooLong));
        None
    }

    fn send_head(&mut self, key: Key, upstream_key: Key, mut buffer: Buffer, length: usize) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(upstream) = self.upstreams.get_mut(upstream_key) else {
            return;
        };
        let Download::Under(relay) = &mut session.download else {
            return;
        };
        if !relay.finished() {
            make_room(&mut self.ring, &upstream.stream, &mut buffer, length);
        }
        match add_to_head(
            &mut self.ring,
            &mut upstream.stream,
            relay,
            &mut buffer,
            length,
        ) {
            Ok(end) => {
                self.send_to_client(key, buffer, end);
                self.release_upstream(key);
            }
            Err(fault) => {
                // The head has not gone yet, so the client can still be told.
                session.download = Download::Awaited;
                self.ring.give_back(buffer);
                self.fail(key, Ending::ResponseBody(fault));
            }
        }
    }

    fn skip_head(&mut self, key: Key, upstream_key: Key, response: &Response) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.whole = false; // a byte of the response has come: it is not asked for twice
        }
        if let Some(upstream) = self.upstreams.get_mut(upstream_key) {
            upstream.stream.consume(&mut self.ring, response.head_bytes);
        }
        self.read_response(key);
    }

    pub(super) fn relay_response(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if session.pipe(Way::Down).is_some() {
            self.move_bulk(key, Way::Down);
            return;
        }
        let Download::Under(relay) = &mut session.download else {
            return;
        };
        if relay.finished() {
            self.finish(key);
            return;
        }
        let Some(upstream_key) = session.upstream else {
            return;
        };
        let Some(upstream) = self.upstreams.get_mut(upstream_key) else {
            return;
        };
        match take_piece(&mut self.ring, &mut upstream.stream, relay) {
            Ok(Taken::Piece(buffer, range)) => {
                self.send_range_to_client(key, buffer, range);
                self.release_upstream(key);
            }
            Ok(Taken::More) if upstream.stream.ended => self.end_response(key),
            Ok(Taken::More) => self.ask_for_body(key, upstream_key),
            Ok(Taken::Done) => self.finish(key),
            Ok(Taken::NoBuffer) => self.fail(key, Ending::NoBuffer),
            Err(fault) => self.fail(key, Ending::ResponseBody(fault)),
        }
    }

    /// More of the body is read only once the client would take it: else one that does not read keeps a buffer.
    fn ask_for_body(&mut self, key: Key, upstream_key: Key) {
        if self.await_taker(key) || self.begin_bulk(key, Way::Down) {
            return;
        }
        self.receive_from_upstream(upstream_key, Arrival::Now);
    }

    /// Whether the client takes nothing at the moment; then a completion says when it does.
    pub(super) fn await_taker(&mut self, key: Key) -> bool {
        let client = self.sessions.get(key).map(|session| session.client);
        let Some((key, client)) = client.and_then(|k| self.clients.get_mut(k).map(|c| (k, c)))
        else {
            return false;
        };
        if self.ring.takes_more(client.stream.socket) {
            return false;
        }
        let token = Kind::ClientWritable.token(key);
        client.stream.await_writable(&mut self.ring, token);
        true
    }

    /// The output's stream has ended: so does a body that lasted until then, and no other.
    pub(super) fn end_response(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let broken = session
            .upstream
            .and_then(|u| self.upstreams.get(u))
            .is_some_and(|u| u.broken);
        let Download::Under(relay) = &mut session.download else {
            return;
        };
        let tail = match relay.end_of_stream() {
            Ok(tail) if !broken => tail,
            Ok(_) => {
                self.fail(key, Ending::OutputGone);
                return;
            }
            Err(fault) => {
                self.fail(key, Ending::ResponseBody(fault));
                return;
            }
        };
        if tail.is_empty() {
            self.finish(key);
            return;
        }
        let Some(mut buffer) = self.ring.lease(Size::Small) else {
            self.fail(key, Ending::NoBuffer);
            return;
        };
        buffer[..tail.len()].copy_from_slice(tail);
        self.send_to_client(key, buffer, tail.len());
        self.release_upstream(key);
    }

    fn send_to_client(&mut self, key: Key, buffer: Buffer, length: usize) {
        self.send_range_to_client(key, buffer, 0..length);
    }

    fn send_range_to_client(&mut self, key: Key, buffer: Buffer, range: std::ops::Range<usize>) {
        let client_key = self.sessions.get(key).map(|session| session.client);
        match client_key.and_then(|k| self.clients.get_mut(k).map(|client| (k, client))) {
            Some((client_key, client)) => {
                let token = Kind::ClientSend.token(client_key);
                client.stream.send(&mut self.ring, buffer, range, token);
            }
            None => self.ring.give_back(buffer),
        }
    }

    /// Lets the output's connection go as soon as both directions are done with it.
    pub(super) fn release_upstream(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Download::Under(relay) = &session.download else {
            return;
        };
        if !relay.finished() || !session.upload_gone() {
            return;
        }
        let Some(upstream_key) = session.upstream else {
            return;
        };
        if self
            .upstreams
            .get(upstream_key)
            .is_some_and(|upstream| upstream.stream.sending)
        {
            return;
        }
        session.upstream = None;
        if session.reusable {
            self.shelve_upstream(upstream_key);
        } else {
            self.close_upstream(upstream_key);
        }
    }
}
