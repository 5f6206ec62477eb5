//! The pair thread as the simulator has it: it wakes, beats, gives the machine what came, and does what it says.

use std::rc::Rc;

use halb::pair::action::Action;
use halb::pair::action::Handover;
use halb::pair::advert::Advert;
use halb::pair::event::Event;
use halb::pair::event::FromWarden;
use halb::pair::event::Plane;
use halb::pair::state::State;
use halb::pair::term::Ballot;

use crate::host::Input;
use crate::host::Process;
use crate::host::Told;
use crate::queue::MICROSECOND;
use crate::queue::MILLISECOND;
use crate::queue::What;
use crate::seal::Envelope;
use crate::world::NAMES;
use crate::world::World;
use crate::world::node;

const BEAT_EVERY: u64 = 20 * MILLISECOND;
/// More actions out of one event are a machine that does not end.
const ACTIONS_MAX: usize = 64;

impl World {
    /// Something comes to the pair thread of a process; it waits while that is stalled.
    pub fn give(&mut self, index: usize, life: u64, event: Event) {
        if self.hosts[index].suspended.is_some() {
            let (host, event) = (index, Box::new(event));
            return self.queue.push(self.now, What::Given { host, life, event }); // until it thaws
        }
        let Some(process) = self.hosts[index].process_of(life) else {
            return;
        };
        if process.stalled.is_some() {
            return process.wait(Input::Event(Box::new(event)));
        }
        self.feed(index, event);
    }

    pub fn datagram(&mut self, to: usize, link: usize, envelope: Rc<Envelope>) {
        let host = &mut self.hosts[to];
        if !host.runs() {
            return;
        }
        let Some(process) = &mut host.process else {
            return;
        };
        if process.stalled.is_some() {
            return process.wait(Input::Datagram(link, envelope));
        }
        self.open(to, link, &envelope);
    }

    fn open(&mut self, to: usize, link: usize, envelope: &Envelope) {
        let shown = self.hosts[to].clocks.boot(self.now);
        let Some(process) = &mut self.hosts[to].process else {
            return;
        };
        let channel = &mut process.channels[envelope.from];
        if channel.opens(envelope, link, process.boot, &process.sent, shown) {
            self.judge.heard(to);
            let (link, advert) = (link as u8, envelope.advert);
            self.feed(to, Event::Heard { link, advert });
        }
    }

    /// The clock of the pair thread.
    pub fn turn(&mut self, index: usize, life: u64) {
        let now = self.now;
        let Some(process) = self.hosts[index].process_of(life) else {
            return;
        };
        if process.turn_at != Some(now) {
            return; // another turn has been planned instead
        }
        process.turn_at = None;
        if process.stalled.is_none() {
            self.look_at_clock(index);
        }
    }

    /// A stall is over: the loop may see its clock first or what has arrived meanwhile.
    pub fn thread_goes_on(&mut self, index: usize) {
        let Some(process) = &mut self.hosts[index].process else {
            return;
        };
        process.stalled = None;
        process.turn_at = None;
        process.datagrams_waiting = 0;
        let waiting = std::mem::take(&mut process.waiting);
        if self.random.chance(500) {
            self.look_at_clock(index);
        }
        for input in waiting {
            match input {
                Input::Event(event) => self.feed(index, *event),
                Input::Datagram(link, envelope) => self.open(index, link, &envelope),
            }
        }
        self.look_at_clock(index);
    }

    fn look_at_clock(&mut self, index: usize) {
        let now = self.now;
        let shown = self.hosts[index].clocks.boot(now);
        let Some(process) = &self.hosts[index].process else {
            return;
        };
        // The machine is asked before the warden is told, so that what it finds after a pause counts.
        if process.machine.next().is_some_and(|next| next <= shown) {
            self.feed(index, Event::Tick);
            let process = self.hosts[index].process.as_ref();
            let next = process.and_then(|one| one.machine.next());
            self.judge.check(next.is_none_or(|next| next > shown), || {
                format!(
                    "{}: after a tick the machine wants another at once",
                    NAMES[index]
                )
            });
        }
        if let Some(process) = &mut self.hosts[index].process
            && process.next_beat <= now
        {
            process.next_beat = now + BEAT_EVERY;
            self.beat(index);
        }
        self.turn_later(index);
    }

    fn beat(&mut self, index: usize) {
        let sent = self.hosts[index].clocks.monotonic(self.now);
        if let Some(process) = &self.hosts[index].process {
            self.tell(index, Told::Beat(process.hold, sent));
        }
    }

    /// The machine is told, and what it says is done.
    pub fn feed(&mut self, index: usize, event: Event) {
        let shown = self.hosts[index].clocks.boot(self.now);
        let Some(process) = &mut self.hosts[index].process else {
            return;
        };
        if let Event::Stored(ballot) = event {
            process.confirmed = ballot;
        }
        let dull = matches!(
            event,
            Event::Tick
                | Event::Heard { .. }
                | Event::Warden(FromWarden::Reached)
                | Event::Domain(_)
        );
        if !dull && self.trace.on {
            let name = self.hosts[index].name;
            self.trace
                .say(self.now, format_args!("{name}: <- {event:?}"));
        }
        let Some(process) = &mut self.hosts[index].process else {
            return;
        };
        process.machine.on(event, shown);
        let noted = self.act(index);
        self.judge_step(index, noted);
        self.turn_later(index);
    }

    /// Does all that the machine says. Says whether a note with its state was there.
    pub fn act(&mut self, index: usize) -> Option<State> {
        let mut noted = None;
        for count in 0.. {
            let Some(process) = &mut self.hosts[index].process else {
                return noted;
            };
            let Some(action) = process.machine.take() else {
                return noted;
            };
            self.judge.check(count < ACTIONS_MAX, || {
                "the machine does not stop acting".into()
            });
            if count >= ACTIONS_MAX {
                return noted;
            }
            if let Action::Note(note) = action {
                noted = Some(note.state);
            }
            if action != Action::Advertise && self.trace.on {
                let name = self.hosts[index].name;
                self.trace
                    .say(self.now, format_args!("{name}: -> {action:?}"));
            }
            self.perform(index, action);
            if action != Action::Advertise && !self.profile.files {
                self.step_taken(index);
            }
        }
        noted
    }

    fn perform(&mut self, index: usize, action: Action) {
        match action {
            Action::Advertise => self.advertise(index),
            Action::Hold(hold) => self.hold(index, hold),
            Action::Announce | Action::Note(_) => {}
            Action::Ask { number } => self.tell(index, Told::Ask(number)),
            Action::Store(ballot) => self.store(index, ballot),
            Action::Workers(order) => self.order_workers(index, order),
            Action::Answer(order, outcome) => self.judge.answered(index, order, outcome),
            Action::Leave => {
                if let Some(process) = &mut self.hosts[index].process {
                    process.ends = true;
                }
            }
        }
    }

    fn hold(&mut self, index: usize, hold: bool) {
        self.judge_hold(index, hold);
        if let Some(process) = &mut self.hosts[index].process {
            process.hold = hold;
            process.hold_since = self.now;
            self.beat(index);
        }
    }

    fn store(&mut self, index: usize, ballot: Ballot) {
        if ballot.vote == Some(node(index)) {
            self.judge
                .claims(index, ballot.term, self.hosts[index].domain);
        }
        let disk = &mut self.hosts[index].disk;
        disk.jobs.push_back(ballot);
        if disk.jobs.len() == 1 {
            self.disk_later(index);
        }
    }

    pub fn disk_later(&mut self, index: usize) {
        let quick = self.random.between(500, 15_000) * MICROSECOND;
        let host = &self.hosts[index];
        if let Some(process) = &host.process {
            let (at, life) = (self.now + quick.max(host.disk.slow), process.life);
            self.queue.push(at, What::Disk { host: index, life });
        }
    }

    /// What the workers will say of that, unless they are broken.
    fn order_workers(&mut self, index: usize, order: Handover) {
        let grace = self.profile.grace.as_nanos() as u64;
        let most = if self.random.chance(200) {
            grace * 2
        } else {
            grace / 2
        };
        let takes = match order {
            Handover::None => None,
            Handover::Drain => Some(self.random.between(MILLISECOND, most)),
            Handover::Cut => Some(self.random.between(1, 10) * MILLISECOND),
        };
        let now = self.now;
        let Some(process) = &mut self.hosts[index].process else {
            return;
        };
        process.order(order, now);
        let (host, life, number) = (index, process.life, process.handover_number);
        if let Some(takes) = takes {
            let handed = What::Handed { host, life, number };
            self.queue.push(now + takes, handed);
        }
    }

    pub fn handed(&mut self, index: usize, life: u64, number: u64) {
        let Some(process) = self.hosts[index].process_of(life) else {
            return;
        };
        if process.handover_number != number || process.broken {
            return;
        }
        process.drained = true;
        self.give(index, life, Event::Plane(Plane::Drained));
    }

    fn advertise(&mut self, index: usize) {
        let shown = self.hosts[index].clocks.boot(self.now);
        let Some(process) = &mut self.hosts[index].process else {
            return;
        };
        process.sent.begin(shown);
        let advert = process.machine.advert();
        self.judge_advert(index, &advert);
        for to in (0..self.hosts.len()).filter(|to| *to != index) {
            self.send(index, to, advert);
        }
    }

    fn send(&mut self, from: usize, to: usize, advert: Advert) {
        let shown = self.hosts[from].clocks.boot(self.now);
        let Some(process) = &self.hosts[from].process else {
            return;
        };
        let number = process.sent.number;
        let envelope = Rc::new(Envelope {
            from,
            boot: process.boot,
            number,
            sent: shown.as_nanos(),
            echo: process.channels[to].echo(number, shown),
            advert,
        });
        for link in 0..self.net.links {
            if !self.net.link(from, to, link) {
                continue;
            }
            for takes in self.net.copies(&mut self.random) {
                let envelope = Rc::clone(&envelope);
                self.queue
                    .push(self.now + takes, What::Datagram { to, link, envelope });
            }
        }
    }

    /// Plans the next turn, unless an earlier one is planned.
    fn turn_later(&mut self, index: usize) {
        let late = self.random.between(10, 400) * MICROSECOND;
        let host = &mut self.hosts[index];
        let clocks = host.clocks;
        let Some(process) = &mut host.process else {
            return;
        };
        if process.stalled.is_some() {
            return;
        }
        let next = process.machine.next().map(|next| clocks.when_boot(next));
        let at = next
            .unwrap_or(u64::MAX)
            .min(process.next_beat)
            .max(self.now)
            + late;
        if process
            .turn_at
            .is_none_or(|planned| at + MILLISECOND / 2 < planned)
        {
            process.turn_at = Some(at);
            let life = process.life;
            self.queue.push(at, What::Turn { host: index, life });
        }
    }
}

impl Process {
    fn order(&mut self, order: Handover, now: u64) {
        self.handover = order;
        self.handover_number += 1;
        self.handover_since = now;
        self.drained = false;
    }
}
