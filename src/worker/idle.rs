//! Kept-alive connections without a request, the longest idle first: they give up their places when somebody
//! waits for one.

use crate::ring::port::Ring;
use crate::worker::Worker;
use crate::worker::table::Key;

/// The neighbours of one connection in the list.
#[derive(Clone, Copy, Default)]
pub struct Links {
    listed: bool,
    before: Option<Key>,
    after: Option<Key>,
}

/// Both ends of the list.
#[derive(Default)]
pub struct Idle {
    longest: Option<Key>,
    latest: Option<Key>,
}

impl<R: Ring> Worker<R> {
    /// Puts a connection at the end of the list, if it has been served before. It leaves with the first byte of its
    /// next request, or when it closes.
    pub(super) fn enter_idle(&mut self, key: Key) {
        let before = self.idle.latest;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.links.listed || !client.served {
            return;
        }
        client.links = Links {
            listed: true,
            before,
            after: None,
        };
        self.idle.latest = Some(key);
        match before.and_then(|other| self.clients.get_mut(other)) {
            Some(neighbour) => neighbour.links.after = Some(key),
            None => self.idle.longest = Some(key),
        }
    }

    /// Takes it off the list, if it is on it.
    pub(super) fn leave_idle(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let Links {
            listed,
            before,
            after,
        } = std::mem::take(&mut client.links);
        if !listed {
            return;
        }
        match before.and_then(|other| self.clients.get_mut(other)) {
            Some(neighbour) => neighbour.links.after = after,
            None => self.idle.longest = after,
        }
        match after.and_then(|other| self.clients.get_mut(other)) {
            Some(neighbour) => neighbour.links.before = before,
            None => self.idle.latest = before,
        }
    }

    /// The connection that has been idle longest.
    pub(super) fn longest_idle(&self) -> Option<Key> {
        self.idle.longest
    }
}
