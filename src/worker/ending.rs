//! How sessions end, and the answers HALB gives itself.

use crate::http::body::Framing;
use crate::http::ending::Ending;
use crate::http::reply;
use crate::http::reply::REPLY_BYTES_MAX;
use crate::http::reply::ReplyRules;
use crate::http::request::Method;
use crate::http::request::Request;
use crate::http::request::Version;
use crate::http::writer::Writer;
use crate::model::error_page::ERROR_PAGE_BYTES_MAX;
use crate::model::error_page::ErrorPage;
use crate::ring::arena::Buffer;
use crate::ring::arena::LARGE_BYTES;
use crate::ring::arena::SMALL_BYTES;
use crate::ring::port::Ring;
use crate::ring::port::Size;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::client::Phase;
use crate::worker::record::LastWords;
use crate::worker::session::Download;
use crate::worker::session::Session;
use crate::worker::stream::NEVER;
use crate::worker::table::Key;
use crate::worker::upstream::State;

/// Head and body of any answer of ours leave in one buffer.
const _: () = assert!(ERROR_PAGE_BYTES_MAX + REPLY_BYTES_MAX <= LARGE_BYTES);
const _: () = assert!(REPLY_BYTES_MAX <= SMALL_BYTES);

impl<R: Ring> Worker<R> {
    /// The response has been delivered whole.
    pub(super) fn finish(&mut self, key: Key) {
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        let (client, whole) = (session.client, session.upload.finished());
        let (persistent, last) = (session.persistent && whole, whole && !session.asks_more);
        self.complete(session, Ending::Answered, persistent);
        if persistent {
            self.await_request(client);
        } else {
            self.close_politely(client, last);
        }
    }

    /// Both sides of a tunnel have said all they had to say.
    pub(super) fn close_tunnel(&mut self, key: Key) {
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        let client = session.client;
        self.complete(session, Ending::TunnelClosed, false);
        self.close_politely(client, false);
    }

    /// It ends otherwise. The client is answered if nothing of the response has gone to it, else cut off.
    pub(super) fn fail(&mut self, key: Key, ending: Ending) {
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        let client = session.client;
        let close =
            !session.persistent || !session.upload.finished() || session.version == Version::Http10;
        let head_only = session.method == Method::Head;
        let answerable = matches!(session.download, Download::Awaited);
        if !answerable {
            self.cut_off(&session, ending);
        }
        self.plane.page(self.index).sessions_failed.add(1);
        self.note_served(&session);
        self.clear_away(session);
        if answerable && ending.status().is_some() {
            self.reply(client, ending, head_only, close);
        } else {
            self.end_request(client, ending, LastWords::NONE);
            self.close_client(client);
        }
    }

    /// Nobody may take what has come through so far for whole: where only the end of the connection would tell, it ends
    /// with a reset. So does a client that takes nothing: behind a FIN the kernel would keep for minutes what it was sent.
    fn cut_off(&mut self, session: &Session, ending: Ending) {
        let stalled = matches!(ending, Ending::ClientStalled | Ending::Shed);
        let (client, upstream) = match &session.download {
            Download::Awaited => (false, false),
            Download::Under(relay) => (stalled || relay.ends_with_connection(), false),
            Download::Tunnel(_) => (true, true),
        };
        if client && let Some(client) = self.clients.get(session.client) {
            self.ring.reset_at_close(client.stream.socket);
        }
        if upstream && let Some(upstream) = session.upstream.and_then(|key| self.upstreams.get(key))
        {
            self.ring.reset_at_close(upstream.stream.socket);
        }
    }

    /// Answers a request that got no further than its head.
    pub(super) fn reply_to(
        &mut self,
        key: Key,
        ending: Ending,
        head_only: bool,
        request: &Request,
    ) {
        // An HTTP/1.0 client takes silence on this for a close (RFC 9112 §9.3): no answer of ours promises it another.
        let close = !request.persistent
            || request.body != Framing::None
            || request.version == Version::Http10;
        self.reply(key, ending, head_only, close);
    }

    /// Answers a client ourselves.
    pub(super) fn reply(&mut self, key: Key, ending: Ending, head_only: bool, close: bool) {
        self.leave_idle(key);
        self.open_unread(key);
        let unix_seconds = self.ring.unix_seconds();
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.phase = Phase::Replying { close };
        let page = ending
            .status()
            .and_then(|status| self.plan.error_pages.page(status));
        let room = if client.stream.sending {
            None
        } else {
            room_for(&mut self.ring, page, head_only)
        };
        let Some((mut buffer, page)) = room else {
            self.end_request(key, ending, LastWords::NONE);
            self.close_client(key); // an interim response is still on its way, or nothing is free
            return;
        };
        let mut writer = Writer::new(&mut buffer);
        let rules = ReplyRules {
            head_only,
            close,
            unix_seconds,
            page,
        };
        let written = reply::write(ending, &rules, &mut writer);
        let length = writer.used();
        if written.is_err() || length == 0 {
            self.ring.give_back(buffer);
            self.end_request(key, ending, LastWords::NONE);
            self.close_client(key);
            return;
        }
        client.served = true;
        client.stream.send(
            &mut self.ring,
            buffer,
            0..length,
            Kind::ClientSend.token(key),
        );
        self.plane.page(self.index).replies_total.add(1);
        let words = LastWords {
            status: ending.status(),
            bytes: length,
            kept: !close,
        };
        self.end_request(key, ending, words);
        let deadline = self.now_plus(self.plan.client_timeout);
        self.set_client_deadline(key, deadline);
    }

    /// Sets both sides' deadlines after something has moved: each side's patience runs only while it is that
    /// side we wait for.
    pub(super) fn renew_deadlines(&mut self, key: Key) {
        let now = self.ring.now();
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(client) = self.clients.get(session.client) else {
            return;
        };
        let tunnel = matches!(session.download, Download::Tunnel(_));
        let body_awaited = !session.upload.finished()
            && client.stream.receiving
            && !session.awaits_continue
            && !tunnel;
        let held = self.ring.waits(client.stream.socket);
        let taking = client.stream.sending && !held && !tunnel;
        let paces = [
            session.upload_pace.wait(now, body_awaited),
            session.download_pace.wait(now, taking),
        ];
        let pace = paces.into_iter().flatten().min();
        let usual = self.plan.client_timeout;
        let patience = usual.zip(pace).map(|(usual, pace)| usual.min(pace));
        let client_key = session.client;
        let upstream = session
            .upstream
            .and_then(|k| self.upstreams.get(k).map(|u| (k, u)));
        if let Some((upstream_key, upstream)) = upstream
            && upstream.state == State::Busy(key)
        {
            // A session that waits for a buffer waits for the output, too: it must end some time.
            // While a send waits for its ration, nobody else is late.
            let held = held || self.ring.waits(upstream.stream.socket);
            let wanted = upstream.stream.sending || !(body_awaited || taking);
            let timeout = match tunnel {
                true => self.plan.tunnel_timeout,
                false => self.plan.server_timeout.filter(|_| wanted),
            };
            let timeout = timeout.filter(|_| !held);
            let deadline = self.now_plus(timeout);
            self.set_upstream_deadline(upstream_key, deadline);
        }
        let deadline = self.now_plus(patience);
        self.set_client_deadline(client_key, deadline);
    }

    /// A session that got all it asked for.
    fn complete(&mut self, session: Session, ending: Ending, kept: bool) {
        self.note_complete(&session);
        self.note_served(&session);
        let words = LastWords {
            kept,
            ..LastWords::NONE
        };
        self.end_request(session.client, ending, words);
        self.clear_away(session);
    }

    /// Ends a connection without a session and without a word.
    pub(super) fn refuse_silently(&mut self, key: Key, ending: Ending) {
        self.open_unread(key);
        self.end_request(key, ending, LastWords::NONE);
        self.close_client(key);
    }

    /// A request of a client's has ended, or what there was of it.
    pub(super) fn end_request(&mut self, key: Key, ending: Ending, words: LastWords) {
        self.plane.page(self.index).endings.of(ending).add(1);
        self.close_record(key, ending, words);
    }

    /// Gives back what a session held.
    fn clear_away(&mut self, mut session: Session) {
        self.vacate(session.output);
        let first = session.take_first();
        self.take_back(first);
        self.take_pipes_back(&mut session);
        if let Some(upstream) = session.upstream {
            self.close_upstream(upstream);
        }
        self.set_client_deadline(session.client, NEVER);
    }
}

/// A buffer for an answer, and the page that has room in it: when no large one is free, it is said in short.
fn room_for<'p>(
    ring: &mut impl Ring,
    page: Option<&'p ErrorPage>,
    head_only: bool,
) -> Option<(Buffer, Option<&'p ErrorPage>)> {
    let body_bytes = page.map_or(0, |page| page.body.len());
    if !head_only && body_bytes + REPLY_BYTES_MAX > SMALL_BYTES {
        let large = ring.lease(Size::Large);
        return match large {
            Some(buffer) => Some((buffer, page)),
            None => Some((ring.lease(Size::Small)?, None)),
        };
    }
    Some((ring.lease(Size::Small)?, page))
}
