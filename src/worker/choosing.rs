//! At which output a request is served: a place there, the queue for one, and another output when the first cannot be
//! reached (SPEC 4 and 10).

use crate::balance::choice::Ask;
use crate::balance::choice::Choice;
use crate::balance::choice::Tie;
use crate::balance::set::Set;
use crate::http::ending::Ending;
use crate::http::forward;
use crate::http::request;
use crate::http::request::Request;
use crate::http::writer::Full;
use crate::model::output::OutputId;
use crate::model::output::OutputSet;
use crate::model::standing::Health;
use crate::model::standing::Standing;
use crate::plane::outputs::Waited;
use crate::plane::page::OutputCount;
use crate::plane::queue::Call;
use crate::plane::queue::Cancelled;
use crate::plane::queue::WaitTicket;
use crate::plane::queue::Waiter;
use crate::plane::queue::What;
use crate::plane::standing::Epoch;
use crate::ring::port::Ring;
use crate::worker::Worker;
use crate::worker::affinity::Brought;
use crate::worker::client::Phase;
use crate::worker::session::First;
use crate::worker::table::Key;

/// A connection that cannot be established is tried on another output at once, so often in all (SPEC 3).
const TRIES_MOST: u8 = 3;
/// So often other workers may be quicker with the place that was seen free; then it is waited for.
const LOST_RACES_MOST: u8 = 8;

/// What came of asking for an output.
pub enum Taken {
    /// This one, and a place there.
    Output(usize),
    /// None has a place; chosen when the outputs stood so.
    Wait(OutputSet, Epoch),
    None,
}

impl<R: Ring> Worker<R> {
    /// An output for a request, with a place there.
    pub(super) fn take_output(&mut self, tie: Tie, tried: Set) -> Taken {
        let (mut lost, epoch) = (0, self.epoch);
        loop {
            let ask = Ask { tie, tried };
            let wanted = match self.chooser.decide(&ask, &*self.plane) {
                Choice::Go(output) => output,
                Choice::Wait(wants) => return Taken::Wait(self.places_of(wants), epoch),
                Choice::None => return Taken::None,
            };
            if self.takes_place(wanted) {
                return Taken::Output(wanted);
            }
            lost += 1;
            if lost == LOST_RACES_MOST {
                return Taken::Wait(self.places_of(Set::EMPTY.with(wanted)), epoch);
            }
        }
    }

    /// Lines up for a place at one of `wants`. The head stays where it is, and is read again when there is one.
    pub(super) fn line_up(
        &mut self,
        key: Key,
        request: &Request,
        brought: &Brought,
        wants: OutputSet,
        epoch: Epoch,
    ) {
        let waiter = Waiter {
            worker: self.index,
            slot: key.slot,
            generation: key.generation,
        };
        let wake = wake_others(&mut self.ring, self.index);
        match self.plane.outputs().wait(waiter, wants, epoch, wake) {
            Ok(Waited::Taken(output)) => self.begin_at(key, request, brought, output.index()),
            Ok(Waited::Waits(ticket)) => {
                if let Some(client) = self.clients.get_mut(key) {
                    client.phase = Phase::Queued(ticket);
                }
                let deadline = self.now_plus(self.plan.queue_timeout);
                self.set_client_deadline(key, deadline);
            }
            Err(_full) => self.refuse_queued(key, Ending::QueueTimeout),
        }
    }

    /// Does what has become of those who wait: places that were handed to them, outputs that stand differently.
    pub(super) fn answer_calls(&mut self) {
        while self.plane.outputs().has_calls(self.index) {
            let mut calls = std::mem::take(&mut self.calls);
            let wake = wake_others(&mut self.ring, self.index);
            self.plane.outputs().collect(self.index, &mut calls, wake);
            // Who is to choose again does so by what is in force now, also when that came in the middle of this turn.
            self.look();
            for call in calls.drain(..) {
                self.on_call(call);
            }
            self.calls = calls;
        }
    }

    /// Gives up waiting.
    pub(super) fn leave_queue(&mut self, ticket: WaitTicket) {
        let wake = wake_others(&mut self.ring, self.index);
        match self.plane.outputs().cancel(ticket, wake) {
            Cancelled::AlreadyGranted(output) => self.give_back_place_of(output),
            Cancelled::Gone | Cancelled::Collected => {}
        }
    }

    /// Answers a request that waited, or could not even do that.
    pub(super) fn refuse_queued(&mut self, key: Key, ending: Ending) {
        let Some(client) = self.clients.get(key) else {
            return;
        };
        let head_only = request::is_head(client.stream.bytes());
        self.reply(key, ending, head_only, true);
    }

    /// Its output could not be reached: another one, if there is one and time is left.
    pub(super) fn try_another(&mut self, key: Key, ending: Ending) {
        let now = self.ring.now();
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        session.upstream = None;
        session.tries += 1;
        session.tried = session.tried.with(session.output);
        let (output, tried, tie) = (session.output, session.tried, session.tie);
        let more = session.tries < TRIES_MOST && now < session.connect_by;
        self.suspect(output);
        self.count_output(output, |counts| counts.connect_errors.add(1));
        let next = if more {
            self.take_output(tie, tried)
        } else {
            Taken::None
        };
        match next {
            Taken::Output(next) => self.move_to(key, next, ending),
            Taken::Wait(..) | Taken::None => self.fail(key, ending),
        }
    }

    /// An output for a second try of a request that its first took and closed upon.
    pub(super) fn choose_again(&mut self, output: usize, tie: Tie) -> usize {
        let next = self.chooser.decide_again(output, tie, &*self.plane);
        if next == output || self.takes_place(next) {
            next
        } else {
            output
        }
    }

    /// Turns a session whose request is to be sent, or sent again, to an output: to its own, or to one where a place
    /// has been taken.
    pub(super) fn move_to(&mut self, key: Key, output: usize, ending: Ending) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let before = session.output;
        if output != before {
            session.moved = true;
            self.vacate(before);
            self.occupy(output);
        }
        if self.readdress(key, output).is_ok() {
            self.connect(key);
        } else {
            self.fail(key, ending);
        }
    }

    /// An output has refused or reset a connection, or left one unanswered. Control hears of it, and probes.
    pub(super) fn suspect(&mut self, output: usize) {
        if self.chooser.suspect(output, &*self.plane) {
            self.count_output(output, |counts| counts.suspicions.add(1));
            self.ring.wake_control();
        }
    }

    /// A session occupies an output, where it has a place.
    pub(super) fn occupy(&self, output: usize) {
        self.count_output(output, |counts| counts.sessions_active.add(1));
    }

    /// … and leaves it.
    pub(super) fn vacate(&mut self, output: usize) {
        self.count_output(output, |counts| counts.sessions_active.sub(1));
        self.give_output_back(output);
    }

    /// Gives a place back where nobody sat down.
    pub(super) fn give_output_back(&mut self, output: usize) {
        if let Some(output) = OutputId::from_index(output) {
            self.give_back_place_of(output);
        }
    }

    /// Counts something for an output.
    pub(super) fn count_output(&self, output: usize, count: impl FnOnce(&OutputCount)) {
        if let Some(output) = OutputId::from_index(output) {
            count(self.plane.page(self.index).outputs.of(output));
        }
    }

    fn on_call(&mut self, call: Call) {
        let key = Key {
            slot: call.waiter.slot,
            generation: call.waiter.generation,
        };
        let waits = self.clients.get(key).is_some_and(|client| {
            !client.stream.closed && client.phase == Phase::Queued(call.ticket)
        });
        match call.what {
            What::Granted(output) if waits => self.begin_granted(key, output),
            What::Granted(output) => self.give_back_place_of(output),
            What::ChooseAgain if waits => self.choose_while_waiting(key, call.ticket),
            What::ChooseAgain => {}
        }
    }

    /// The request whose head has waited has got a place.
    fn begin_granted(&mut self, key: Key, output: OutputId) {
        if let Some(client) = self.clients.get_mut(key) {
            client.phase = Phase::Reading;
        }
        let Some(request) = self.parse_again(key) else {
            self.give_back_place_of(output);
            return;
        };
        if !self.chooser.knows(output) {
            // Disconnected since the place was handed over.
            self.give_back_place_of(output);
            self.begin_session(key, &request);
            return;
        }
        let brought = self.read_tie(key);
        self.begin_at(key, &request, &brought, output.index());
    }

    /// The outputs stand differently from when it began to wait.
    fn choose_while_waiting(&mut self, key: Key, ticket: WaitTicket) {
        if self.parse_again(key).is_none() {
            return;
        }
        let tie = self.read_tie(key).tie;
        let (tried, epoch) = (Set::EMPTY, self.epoch);
        let wants = match self.chooser.decide(&Ask { tie, tried }, &*self.plane) {
            Choice::Go(output) => Set::EMPTY.with(output),
            Choice::Wait(wants) => wants,
            Choice::None => {
                self.leave_queue(ticket);
                self.refuse_queued(key, Ending::NoOutput);
                return;
            }
        };
        let wants = self.places_of(wants);
        let wake = wake_others(&mut self.ring, self.index);
        self.plane.outputs().choose(ticket, wants, epoch, wake);
    }

    fn parse_again(&mut self, key: Key) -> Option<Request> {
        let client = self.clients.get(key)?;
        let limit = self.plan.max_head_bytes;
        request::parse(client.stream.bytes(), limit, &mut self.fields).ok()?
    }

    /// Says so in the session, and in the request where that names its output.
    fn readdress(&mut self, key: Key, output: usize) -> Result<(), Full> {
        let Some(session) = self.sessions.get_mut(key) else {
            return Ok(());
        };
        session.output = output;
        if let First::Ready(buffer, length) = &mut session.first
            && let Some(planned) = self.plan.at(output)
            && session.names_output
        {
            *length = forward::rename_output(buffer, *length, &planned.name)?;
        }
        Ok(())
    }

    fn takes_place(&self, output: usize) -> bool {
        OutputId::from_index(output).is_some_and(|output| self.plane.outputs().try_take(output))
    }

    fn give_back_place_of(&mut self, output: OutputId) {
        let wake = wake_others(&mut self.ring, self.index);
        self.plane.outputs().give_back(output, wake);
    }

    /// Those of them whose places may be had, by their own names. One that is checking may well have free places, but
    /// what it is waited for is the first word about its health: that makes all who wait choose again.
    fn places_of(&self, outputs: Set) -> OutputSet {
        let up = |id: &OutputId| self.plane.health(*id) == Health::Up;
        let ids = outputs.iter().filter_map(OutputId::from_index);
        ids.filter(up).collect()
    }
}

/// For those who have something to collect. This worker, `index`, looks for itself before it rests.
fn wake_others<R: Ring>(ring: &mut R, index: usize) -> impl FnMut(usize) {
    move |worker| {
        if worker != index {
            ring.wake(worker);
        }
    }
}
