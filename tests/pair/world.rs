//! One domain: its servers, its networks, and true time.

use std::rc::Rc;

use halb::pair::SERVERS_MAX;
use halb::pair::event::Domain;
use halb::pair::event::Event;
use halb::pair::event::FromWarden;
use halb::pair::event::Member;
use halb::pair::event::Order;
use halb::pair::event::Plane;
use halb::pair::event::Readiness;
use halb::pair::node::NodeId;
use halb::pair::term::Term;

use crate::chaos::Repair;
use crate::file::disk::FileDisk;
use crate::file::judge::MENDED_AFTER;
use crate::file::stream::Stream;
use crate::host::Clocks;
use crate::host::Disk;
use crate::host::Host;
use crate::host::Process;
use crate::host::Sleep;
use crate::judge::Judge;
use crate::net::Net;
use crate::profile::Profile;
use crate::queue::MICROSECOND;
use crate::queue::MILLISECOND;
use crate::queue::Queue;
use crate::queue::What;
use crate::random::Random;
use crate::subject::Birth;
use crate::subject::Maker;
use crate::trace::Trace;
use crate::warden::LEASE;

pub const NAMES: [&str; 5] = ["lb1", "lb2", "lb3", "lb4", "lb5"];

/// Two clocks come apart by a thousandth at most: more no quartz does.
const DRIFT_MAX: u64 = 500;

pub struct World {
    pub now: u64,
    pub profile: Profile,
    pub queue: Queue,
    pub random: Random,
    /// Of faults, so that a change of the machine leaves most of them as they were.
    pub chance: Random,
    pub hosts: Vec<Host>,
    pub net: Net,
    pub streams: Vec<Stream>,
    pub judge: Judge,
    pub trace: Trace,
    pub maker: Rc<Maker>,
    /// The domain file as it was written last, by anybody. Where servers have keepers each has its own until all have the same.
    pub file: Domain,
    pub generation: u64,
    /// Faults are over.
    pub healed: bool,
    boots: u64,
}

impl World {
    pub fn new(profile: &Profile, maker: Rc<Maker>, tell: bool) -> World {
        let mut random = Random::of(profile.seed, profile.family as u64);
        let file = domain(profile);
        let hosts = (0..profile.hosts)
            .map(|index| Host {
                name: NAMES[index],
                clocks: Clocks {
                    offset: random.below(1 << 50),
                    lost: 0,
                    drift: drift(profile, index),
                },
                powered: true,
                suspended: None,
                groggy: false,
                addresses: None,
                disk: Disk::default(),
                files: FileDisk::new(),
                domain: seen_by(index, file),
                process: None,
                warden: None,
                keeper: false,
                said_at: 0,
                generation: 1,
                lives: 0,
                warden_delay: 5 * MILLISECOND,
            })
            .collect();
        let mut queue = Queue::default();
        for host in 0..profile.hosts {
            queue.push(random.below(profile.starts + 1), What::Start { host });
        }
        queue.push(profile.first_fault, What::Fault);
        queue.push(profile.healed, What::Heal);
        if profile.files {
            queue.push(0, What::Streams);
        }
        if profile.picky {
            let turn = 0;
            queue.push(profile.healed + MENDED_AFTER, What::Mend { turn });
        }
        World {
            now: 0,
            net: Net::new(profile.hosts, profile.links, profile.weather),
            streams: Stream::all(profile.hosts),
            judge: Judge::new(),
            profile: profile.clone(),
            queue,
            chance: Random::of(profile.seed, 0xC4A5 + profile.family as u64),
            random,
            hosts,
            trace: Trace {
                on: tell,
                lines: Vec::new(),
            },
            maker,
            file,
            generation: 1,
            healed: false,
            boots: 0,
        }
    }

    /// To the end, or to the first fault.
    pub fn run(&mut self) {
        while let Some((at, what)) = self.queue.pop() {
            let ends = at > self.profile.end || self.judge.over;
            if ends || self.judge.fault.is_some() {
                break;
            }
            debug_assert!(at >= self.now, "time goes back");
            self.now = at.max(self.now);
            self.happen(what);
            self.judge_world();
        }
        if self.judge.fault.is_none() {
            self.judge_end();
        }
    }

    pub fn note(&mut self, index: usize, what: std::fmt::Arguments<'_>) {
        let name = self.hosts[index].name;
        self.trace.say(self.now, format_args!("{name}: {what}"));
    }

    fn happen(&mut self, what: What) {
        if let Some(until) = self.frozen(&what) {
            let late = self.random.between(10, 3000) * MICROSECOND;
            return self.queue.push(until + late, what);
        }
        match what {
            What::Turn { host, life } => self.turn(host, life),
            What::Given { host, life, event } => self.give(host, life, *event),
            What::Datagram { to, link, envelope } => self.datagram(to, link, envelope),
            What::Watch { host, life } => self.watch(host, life),
            What::Said { host, life, said } => self.give(host, life, Event::Warden(said)),
            What::Probe {
                host,
                life,
                number,
                left,
            } => self.probe(host, life, number, left),
            What::Reply {
                host,
                life,
                number,
                somebody,
            } => self.reply(host, life, number, somebody),
            What::Ping { host, life } => self.ping(host, life),
            What::Orphan { host } => self.hosts[host].addresses = None,
            What::Disk { host, life } => self.disk_done(host, life),
            What::Handed {
                host, life, number, ..
            } => self.handed(host, life, number),
            What::Start { host } => self.start(host),
            What::Warden { host, life } => {
                let place = &mut self.hosts[host];
                let wants = place.keeper && place.warden.is_none();
                if wants && place.process_of(life).is_some() {
                    self.start_warden(host);
                }
            }
            What::Left { host, life } => self.look_what_is_left(host, life),
            What::File { host, domain } => self.take_file(host, *domain),
            What::Control { host, life, what } => self.control(host, life, *what),
            What::Streams => self.look_at_streams(),
            What::Mend { turn } => self.mend_files(turn),
            What::Fault => self.next_fault(),
            What::Heal => self.heal(),
            What::Repaired(repair) => self.repair(repair),
        }
        self.bury_those_who_end();
    }

    /// Until when the host sleeps on which this would happen.
    fn frozen(&self, what: &What) -> Option<u64> {
        let host = match what {
            What::Turn { host, .. }
            | What::Given { host, .. }
            | What::Watch { host, .. }
            | What::Said { host, .. }
            | What::Probe { host, .. }
            | What::Reply { host, .. }
            | What::Ping { host, .. }
            | What::Orphan { host }
            | What::Disk { host, .. }
            | What::Handed { host, .. }
            | What::Start { host }
            | What::Warden { host, .. }
            | What::Control { host, .. }
            | What::Left { host, .. }
            | What::File { host, .. } => *host,
            What::Datagram { .. }
            | What::Streams
            | What::Mend { .. }
            | What::Fault
            | What::Heal
            | What::Repaired(_) => return None,
        };
        let late = |sleep: Sleep| sleep.until.max(self.now);
        self.hosts[host].suspended.map(late)
    }

    pub fn start(&mut self, index: usize) {
        let now = self.now;
        if self.hosts[index].process.is_some() || !self.hosts[index].powered {
            return;
        }
        if self.hosts[index].suspended.is_some() {
            return self.queue.push(now, What::Start { host: index }); // when it thaws
        }
        if self.profile.files {
            self.repair_file(index);
            self.hosts[index].domain = self.domain_of(index, &self.hosts[index].files.text);
        }
        self.boots += 1;
        let boot = self.boots << 8 | index as u64;
        let host = &mut self.hosts[index];
        host.lives += 1;
        let ballot = (!host.disk.unreadable).then_some(host.disk.ballot);
        host.disk.unreadable = false;
        if ballot.is_none() && self.nobody_else_remembers(index) {
            self.judge.forget();
        }
        let host = &mut self.hosts[index];
        let birth = Birth {
            domain: host.domain,
            boot,
            ballot,
            now: host.clocks.boot(now),
        };
        let machine = (self.maker.machine)(birth);
        host.process = Some(Process {
            life: host.lives,
            boot,
            state: machine.advert().state,
            machine,
            born: now,
            stalled: None,
            waiting: Default::default(),
            datagrams_waiting: 0,
            hold: false,
            hold_since: now,
            next_beat: now,
            turn_at: None,
            sent: Default::default(),
            channels: Default::default(),
            confirmed: ballot.unwrap_or_default(),
            handover: Default::default(),
            handover_number: 0,
            handover_since: now,
            drained: false,
            broken: false,
            readiness: Readiness::default(),
            ends: false,
            control: None,
            dies_in: None,
        });
        self.note(
            index,
            format_args!("starts, boot {boot:x}, ballot {ballot:?}"),
        );
        self.judge.started(index, ballot, now);
        self.begin(index);
    }

    /// No other server knows of any term: not by its process, nor by a ballot that can be read.
    fn nobody_else_remembers(&self, index: usize) -> bool {
        let mut others = self.hosts.iter().enumerate();
        others.all(|(other, host)| match &host.process {
            _ if other == index => true,
            Some(process) => process.machine.advert().term == Term::default(),
            None => host.disk.unreadable,
        })
    }

    fn begin(&mut self, index: usize) {
        let Some(process) = &self.hosts[index].process else {
            return;
        };
        let life = process.life;
        self.hosts[index].keeper = true;
        if self.profile.files {
            self.start_control(index);
        }
        self.start_warden(index);
        let ready = self.now + self.random.between(100, 600) * MILLISECOND;
        let (host, event) = (index, Box::new(Event::Plane(Plane::Serves)));
        self.queue.push(self.now, What::Given { host, life, event });
        self.queue.push(ready, What::Repaired(Repair::Ready(index)));
        // Whoever was away is told what the file says now.
        let domain = Box::new(seen_by(index, self.file));
        if !self.profile.files && self.hosts[index].domain != *domain {
            self.queue.push(ready, What::File { host, domain });
        }
        self.act(index);
        let at = self.now + self.random.between(10, 500) * MICROSECOND;
        if let Some(process) = &mut self.hosts[index].process {
            process.turn_at = Some(at);
        }
        self.queue.push(at, What::Turn { host: index, life });
    }

    fn disk_done(&mut self, index: usize, life: u64) {
        let host = &mut self.hosts[index];
        if host.process_of(life).is_none() {
            return;
        }
        let Some(ballot) = host.disk.jobs.pop_front() else {
            return;
        };
        let event = if host.disk.full {
            Event::NotStored
        } else {
            host.disk.ballot = ballot;
            Event::Stored(ballot)
        };
        if !host.disk.jobs.is_empty() {
            self.disk_later(index);
        }
        self.give(index, life, event);
    }

    /// The file is written on some server, and the others get it soon.
    pub fn write_file(&mut self, file: Domain) {
        self.file = file;
        self.generation += 1;
        self.judge.filed = self.now;
        for host in 0..self.hosts.len() {
            let at = self.now + self.random.below(400) * MILLISECOND;
            let domain = Box::new(seen_by(host, file));
            self.queue.push(at, What::File { host, domain });
        }
    }

    /// Whether all have the file as it was written last.
    pub fn file_is_everywhere(&self) -> bool {
        let same = |(index, host): (usize, &Host)| host.domain == seen_by(index, self.file);
        self.profile.files || self.hosts.iter().enumerate().all(same)
    }

    fn take_file(&mut self, index: usize, domain: Domain) {
        let host = &mut self.hosts[index];
        if !host.powered || domain != seen_by(index, self.file) {
            return; // a later one is on its way
        }
        host.domain = domain;
        self.judge.filed = self.now;
        host.generation = self.generation;
        let Some(process) = &host.process else {
            return;
        };
        let life = process.life;
        self.give(index, life, Event::Domain(domain));
        self.tell_readiness(index, |_| {});
    }

    /// What control knows has changed.
    pub fn tell_readiness(&mut self, index: usize, change: impl FnOnce(&mut Readiness)) {
        let host = &mut self.hosts[index];
        let Some(process) = &mut host.process else {
            return;
        };
        change(&mut process.readiness);
        match &process.control {
            Some(control) => process.readiness.file = control.keeper.head().version,
            None => process.readiness.file.generation = host.generation,
        }
        let (life, readiness) = (process.life, process.readiness);
        self.give(index, life, Event::Readiness(readiness));
    }

    pub fn order(&mut self, index: usize, order: Order) {
        if let Some(process) = &self.hosts[index].process {
            let life = process.life;
            self.give(index, life, Event::Order(order));
        }
    }

    /// Processes that have said that they may end.
    fn bury_those_who_end(&mut self) {
        for index in 0..self.hosts.len() {
            let ends = |process: &Process| process.ends;
            if self.hosts[index].process.as_ref().is_some_and(ends) {
                self.note(index, format_args!("ends by itself"));
                self.judge.left(index);
                self.end_process(index);
                let at = self.now + self.random.between(50, 800) * MILLISECOND;
                self.queue.push(at, What::Start { host: index });
            }
        }
    }

    /// The process is gone; its warden finds the pipe closed, and takes the addresses.
    pub fn end_process(&mut self, index: usize) {
        let kept = self.random.below(3) as usize;
        let host = &mut self.hosts[index];
        host.process = None;
        host.lose_jobs(kept);
        let closed = self.now + self.random.between(100, 2000) * MICROSECOND;
        if let Some(warden) = host.warden.take() {
            let at = closed.max(warden.stalled.unwrap_or(0));
            self.queue.push(at, What::Orphan { host: index });
        }
    }

    /// The network says so to everybody who can see a carrier.
    pub fn set_carrier(&mut self, index: usize, carrier: bool) {
        self.net.carrier[index] = carrier;
        if self.hosts[index].warden.is_some() {
            self.say(index, FromWarden::Carrier(carrier));
        }
    }
}

/// How many millionths too fast or too slow the clocks of a host are.
fn drift(profile: &Profile, index: usize) -> i64 {
    let mut random = Random::of(profile.seed, 0xD81F + index as u64);
    let most = if profile.drifts { DRIFT_MAX } else { 0 };
    random.below(most * 2 + 1) as i64 - most as i64
}

fn domain(profile: &Profile) -> Domain {
    let mut servers = [None; SERVERS_MAX];
    for (place, name) in servers.iter_mut().zip(&NAMES[..profile.hosts]) {
        *place = Some(Member {
            node: NodeId::of(name),
            maintenance: false,
        });
    }
    Domain {
        me: node(0),
        hot_standby: profile.hot_standby,
        main: node(0),
        backup: Some(node(1)),
        servers,
        has_addresses: true,
        has_ping: profile.has_ping,
        activate_backup_on_local_failure: profile.activate_on_failure,
        switch_grace: profile.grace,
        lease: LEASE,
    }
}

fn seen_by(index: usize, file: Domain) -> Domain {
    Domain {
        me: node(index),
        ..file
    }
}

pub fn node(index: usize) -> NodeId {
    NodeId::of(NAMES[index])
}
