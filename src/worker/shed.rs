//! Who has to go when buffers or all memory run short: the clients that have kept theirs longest without moving. A thousand clients
//! that send a head byte by byte, or do not read, must not stop all others.

use std::time::Duration;

use crate::http::ending::Ending;
use crate::model::time::Instant;
use crate::ring::port::Ring;
use crate::worker::Worker;
use crate::worker::client::Client;
use crate::worker::client::Phase;
use crate::worker::table::Key;

/// Who has moved within this time is not slow; it stays, and who needs a buffer waits.
const SHED_AFTER: Duration = Duration::from_secs(1);
/// At most so many go at a time; it is soon looked again whether more have to: two milliseconds later for buffers, a tenth
/// of a second later for memory.
const SHED_MOST: usize = 16;

impl<R: Ring> Worker<R> {
    /// Somebody still finds no buffer: those whose buffers have not moved for longest give them up. A head has a second to
    /// come, however it trickles.
    pub(super) fn shed(&mut self) {
        self.shed_slow(keeps_a_buffer);
    }

    /// Memory is nearly full: the same for those whose sockets are full, with a buffer of ours or without.
    pub(super) fn shed_for_memory(&mut self) {
        self.shed_slow(keeps_memory);
    }

    fn shed_slow(&mut self, keeps: fn(&Client) -> bool) {
        let now = self.ring.now();
        let mut slow: Vec<(Instant, Key)> = self
            .clients
            .iter()
            .filter(|(_, client)| keeps(client) && !self.ring.waits(client.stream.socket))
            .map(|(key, client)| (client.stream.moved, key))
            .filter(|(moved, _)| now.since(*moved) >= SHED_AFTER)
            .collect();
        slow.sort_unstable_by_key(|(moved, _)| *moved);
        for (_, key) in slow.into_iter().take(SHED_MOST) {
            self.shed_client(key);
        }
    }

    fn shed_client(&mut self, key: Key) {
        match self.clients.get(key).map(|client| client.phase) {
            Some(Phase::Busy(session)) => self.fail(session, Ending::Shed),
            Some(_) => self.refuse_silently(key, Ending::Shed),
            None => {}
        }
    }
}

/// A part of a head, or of an answer that it does not take.
fn keeps_a_buffer(client: &Client) -> bool {
    let stream = &client.stream;
    match client.phase {
        _ if stream.closed => false,
        Phase::Reading => true,
        Phase::Busy(_) | Phase::Replying { .. } => stream.keeps_unsent(),
        Phase::Waiting | Phase::Idle | Phase::Queued(_) | Phase::Lingering => false,
    }
}

/// The same, or what the kernel has of an answer that it does not take.
fn keeps_memory(client: &Client) -> bool {
    let takes_nothing = matches!(client.phase, Phase::Busy(_)) && client.stream.sending;
    keeps_a_buffer(client) || takes_nothing && !client.stream.closed
}
