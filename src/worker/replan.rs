//! A new plan, taken up between two turns: what is under way goes on, what begins from now on follows it.

use std::net::SocketAddr;
use std::sync::Arc;

use nix::errno::Errno;

use crate::balance::choice::Chooser;
use crate::model::output::OUTPUTS_MAX;
use crate::model::plan::Plan;
use crate::plane::Order;
use crate::ring::port::Ring;
use crate::ring::port::Socket;
use crate::worker::Worker;
use crate::worker::admission::Listener;
use crate::worker::upstream::Upstream;

impl<R: Ring> Worker<R> {
    /// Looks at how things stand now. What is decided from here on goes by that, or by what is newer.
    pub(super) fn look(&mut self) {
        // In this order: a plan belongs to an epoch that begins after it was put in.
        self.epoch = self.plane.standings().epoch();
        self.take_up_plan();
    }

    /// Takes up the newest plan, if there is a new one.
    fn take_up_plan(&mut self) {
        let (plans, seen) = (self.plane.plans(), &mut self.plans_seen);
        let Some(before) = plans.take_up(self.index, seen, &mut self.plan) else {
            return;
        };
        self.chooser = Chooser::new(&self.plan, self.index);
        self.affinity.change(&before, &self.plan);
        self.close_outdated();
        if self.order == Order::Run {
            self.change_listeners(&before);
        }
        // The maximum may be another.
        self.admit_waiting();
        self.relieve();
    }

    /// Whether a connection leads where its output is now.
    pub(super) fn is_current(&self, upstream: &Upstream) -> bool {
        let planned = self.plan.at(upstream.output);
        planned.is_some_and(|planned| planned.revision == upstream.revision)
    }

    /// Idle connections to where no output is any more.
    fn close_outdated(&mut self) {
        for output in 0..OUTPUTS_MAX {
            let idle = self.pools.get(output).cloned().unwrap_or_default();
            for key in idle {
                let upstream = self.upstreams.get(key);
                if upstream.is_some_and(|upstream| !self.is_current(upstream)) {
                    self.close_upstream(key);
                }
            }
        }
    }

    /// Listeners that stay are not touched.
    fn change_listeners(&mut self, before: &Arc<Plan>) {
        let plan = Arc::clone(&self.plan);
        for index in 0..self.listeners.len() {
            let gone = |address: &SocketAddr| !plan.listen.contains(address);
            let listener = &self.listeners[index];
            if !listener.closed && listener.address.as_ref().is_some_and(gone) {
                self.close_listener(index);
            }
        }
        for address in plan
            .listen
            .iter()
            .filter(|new| !before.listen.contains(new))
        {
            match self.listen(address) {
                Ok(socket) => self.add_listener(Listener {
                    socket,
                    address: Some(*address),
                    accepting: false,
                    closed: false,
                }),
                // Control has held the address for us: only what this worker alone lacks can be missing.
                Err(_) => self.plane.page(self.index).listeners_missing.add(1),
            }
        }
        self.count_lacking();
        self.accept_more();
    }

    fn listen(&mut self, address: &SocketAddr) -> Result<Socket, Errno> {
        let socket = match self.plan.is_virtual(address) {
            true => self.ring.listen_virtual(address)?,
            false => self.ring.listen(address)?,
        };
        if self.hands_service_over() {
            self.ring.refuse_new(socket, true);
        }
        Ok(socket)
    }

    fn count_lacking(&self) {
        let is_open = |address: &SocketAddr| {
            let mut listeners = self.listeners.iter();
            listeners.any(|one| !one.closed && one.address.as_ref() == Some(address))
        };
        let lacking = self.plan.listen.iter().filter(|one| !is_open(one)).count();
        self.plane
            .page(self.index)
            .listeners_lacking
            .set(lacking as u64);
    }

    /// In the place of one that has closed, so that many changes leave no more than few.
    fn add_listener(&mut self, listener: Listener) {
        let quiet = |one: &&mut Listener| one.closed && !one.accepting;
        match self.listeners.iter_mut().find(quiet) {
            Some(place) => *place = listener,
            None => self.listeners.push(listener),
        }
    }
}
