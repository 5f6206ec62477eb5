//! What goes wrong, and how it is repaired; what operators want.

use halb::pair::event::Event;
use halb::pair::event::Order;
use halb::pair::event::Plane;
use halb::pair::state::State;

use crate::host::Sleep;
use crate::net::Weather;
use crate::profile::Family;
use crate::profile::Kind;
use crate::queue::MICROSECOND;
use crate::queue::MILLISECOND;
use crate::queue::What;
use crate::world::World;

/// What ends a fault.
#[derive(Clone, Copy, Debug)]
pub enum Repair {
    Links(usize, usize),
    Service(usize),
    Between(usize, usize),
    Carrier(usize),
    Gateway,
    GatewayPath(usize),
    Disk(usize),
    Plane(usize),
    Ready(usize),
    Thaw(usize),
    Thread(usize),
    Warden(usize),
    Power(usize),
    Maintenance(usize),
}

impl World {
    pub fn next_fault(&mut self) {
        if self.healed {
            return;
        }
        let faults = self.profile.faults.clone();
        let kind = self.chance.pick(&faults);
        let index = self.victim();
        self.strike(kind, index);
        let (low, high) = self.profile.pause;
        let at = self.now + self.chance.between(low, high.max(low));
        self.queue.push(at, What::Fault);
    }

    /// More often than not the active.
    fn victim(&mut self) -> usize {
        let active = (0..self.hosts.len()).find(|index| self.state(*index) == Some(State::Active));
        let any = self.chance.index(self.hosts.len());
        let always = self.profile.family == Family::Single;
        match active {
            Some(index) if always || self.chance.chance(500) => index,
            _ => any,
        }
    }

    pub fn state(&self, index: usize) -> Option<State> {
        Some(self.hosts[index].process.as_ref()?.state)
    }

    fn strike(&mut self, kind: Kind, index: usize) {
        self.trace.say(
            self.now,
            format_args!("** {kind:?} at {}", crate::world::NAMES[index]),
        );
        self.judge.struck(kind, self.now);
        let (low, high) = self.profile.lasts;
        let until = (self.now + self.chance.between(low, high)).min(self.profile.healed);
        match kind {
            Kind::Kill
            | Kind::KillWarden
            | Kind::KillBoth
            | Kind::Forsake
            | Kind::Power
            | Kind::Unreadable => {
                self.crash(kind, index, until);
            }
            Kind::Suspend | Kind::StallThread | Kind::StallWarden | Kind::StallBoth => {
                self.stall(kind, index, until);
            }
            Kind::CutLink
            | Kind::CutLinks
            | Kind::CutOneWay
            | Kind::Mute
            | Kind::Deaf
            | Kind::Between
            | Kind::BetweenOneWay
            | Kind::Partition
            | Kind::Carrier
            | Kind::Gateway
            | Kind::GatewayPath => self.cut(kind, index, until),
            Kind::DiskSlow | Kind::DiskFull | Kind::Broken | Kind::NotReady => {
                self.hamper(kind, index, until);
            }
            Kind::Activate
            | Kind::ActivateWithoutCut
            | Kind::Report
            | Kind::Acknowledge
            | Kind::Maintenance
            | Kind::Roles
            | Kind::Leave => self.demand(kind, index, until),
            Kind::AtStep
            | Kind::EditFile
            | Kind::EditEverywhere
            | Kind::EditByOrder
            | Kind::StallControl => self.meddle(kind, index, until),
        }
    }

    fn crash(&mut self, kind: Kind, index: usize, until: u64) {
        if !self.hosts[index].runs() {
            return;
        }
        let warden_too = matches!(kind, Kind::KillBoth | Kind::Power);
        if warden_too {
            self.hosts[index].warden = None; // what it held stays until the kernel takes it
        }
        if kind == Kind::KillWarden {
            if !self.hosts[index].keeper {
                return; // there is none to be killed
            }
            self.hosts[index].warden_delay = self.chance.pick(&[2, 20, 2000]) * MILLISECOND;
            return self.kill_warden(index);
        }
        if kind == Kind::Forsake {
            return self.forsake(index);
        }
        self.hosts[index].disk.unreadable |= kind == Kind::Unreadable;
        if kind == Kind::Power {
            self.hosts[index].powered = false;
            self.hosts[index].addresses = None;
            if self.profile.files {
                self.hosts[index].files.lose_power(&mut self.chance);
                self.judge_files_kept();
            }
        } else {
            self.tell_of_crash(index);
        }
        self.end_process(index);
        self.queue.push(until, What::Repaired(Repair::Power(index)));
    }

    /// A process has done one thing more; it may have been to die now.
    pub fn step_taken(&mut self, index: usize) {
        let Some(process) = &mut self.hosts[index].process else {
            return;
        };
        let Some(left) = process.dies_in else {
            return;
        };
        process.dies_in = left.checked_sub(1);
        if left > 0 || self.healed {
            return;
        }
        let kind = self.chance.pick(&[Kind::Kill, Kind::KillBoth, Kind::Power]);
        let (low, high) = self.profile.lasts;
        let until = (self.now + self.chance.between(low, high)).min(self.profile.healed);
        self.note(index, format_args!("** {kind:?} at this step"));
        self.crash(kind, index, until);
    }

    /// The streams of a process that dies end at once, where the network carries the news.
    fn tell_of_crash(&mut self, index: usize) {
        let Some(dead) = &self.hosts[index].process else {
            return;
        };
        let (boot, born) = (dead.boot, dead.born);
        for other in (0..self.hosts.len()).filter(|other| *other != index) {
            let Some(process) = &self.hosts[other].process else {
                continue;
            };
            let old = self.now - born.max(process.born) > 300 * MILLISECOND;
            let knows = process.channels[index].boot() == Some(boot);
            let certain = self.profile.family == Family::Single;
            let told = old && knows && self.net.both_hear(index, other);
            if told && (certain || self.chance.chance(900)) {
                let at = self.now + self.random.between(100, 2000) * MICROSECOND;
                let node = crate::world::node(index);
                let (host, life) = (other, process.life);
                let event = Box::new(Event::Crashed { node, boot });
                self.queue.push(at, What::Given { host, life, event });
            }
        }
    }

    fn stall(&mut self, kind: Kind, index: usize, until: u64) {
        let host = &mut self.hosts[index];
        if !host.runs() {
            return;
        }
        if kind == Kind::Suspend {
            host.suspended = Some(Sleep {
                since: self.now,
                until,
            });
            return self.queue.push(until, What::Repaired(Repair::Thaw(index)));
        }
        let both = kind == Kind::StallBoth;
        if (both || kind == Kind::StallThread)
            && let Some(process) = &mut host.process
        {
            process.stalled = Some(until);
            self.queue
                .push(until, What::Repaired(Repair::Thread(index)));
        }
        let later = until + self.chance.below(5) * MILLISECOND;
        if (both || kind == Kind::StallWarden)
            && let Some(warden) = &mut self.hosts[index].warden
        {
            warden.stalled = Some(later);
            self.queue
                .push(later, What::Repaired(Repair::Warden(index)));
        }
    }

    fn cut(&mut self, kind: Kind, index: usize, until: u64) {
        let hosts = self.hosts.len();
        let other = (index + 1 + self.chance.index(hosts - 1)) % hosts;
        let link = self.chance.index(self.net.links);
        let mut repair = Repair::Links(index, other);
        match kind {
            Kind::CutLink => self.net.cut[index][other][link] = true,
            Kind::CutLinks => {
                self.net.cut[index][other] = [true; crate::net::LINKS];
                self.net.cut[other][index] = [true; crate::net::LINKS];
            }
            Kind::CutOneWay => self.net.cut[index][other] = [true; crate::net::LINKS],
            Kind::Mute => self.net.mute[index] = true,
            Kind::Deaf => self.net.deaf[index] = true,
            Kind::Between | Kind::BetweenOneWay => {
                self.net.between[index][other] = true;
                self.net.between[other][index] |= kind == Kind::Between;
                repair = Repair::Between(index, other);
            }
            Kind::Partition => {
                for other in 0..hosts {
                    self.net.cut[index][other] = [true; crate::net::LINKS];
                    self.net.cut[other][index] = [true; crate::net::LINKS];
                    self.queue
                        .push(until, What::Repaired(Repair::Links(index, other)));
                }
                self.net.mute[index] = true;
                self.net.deaf[index] = true;
            }
            Kind::Carrier => {
                self.set_carrier(index, false);
                repair = Repair::Carrier(index);
            }
            Kind::Gateway => {
                self.net.gateway = false;
                repair = Repair::Gateway;
            }
            Kind::GatewayPath => {
                self.net.gateway_cut[index] = true;
                repair = Repair::GatewayPath(index);
            }
            _ => unreachable!("no cut"),
        }
        if matches!(kind, Kind::Mute | Kind::Deaf | Kind::Partition) {
            repair = Repair::Service(index);
        }
        self.judge.wired(self.now);
        self.queue.push(until, What::Repaired(repair));
    }

    fn hamper(&mut self, kind: Kind, index: usize, until: u64) {
        let repair = match kind {
            Kind::DiskSlow => {
                self.hosts[index].disk.slow = self.chance.between(50, 2000) * MILLISECOND;
                Repair::Disk(index)
            }
            Kind::DiskFull => {
                self.hosts[index].disk.full = true;
                Repair::Disk(index)
            }
            Kind::Broken => {
                self.set_plane(index, true);
                Repair::Plane(index)
            }
            _ => {
                let mirror = self.chance.chance(500);
                self.tell_readiness(index, |readiness| {
                    readiness.mirrored &= !mirror;
                    readiness.outputs_up &= mirror;
                });
                Repair::Ready(index)
            }
        };
        self.queue.push(until, What::Repaired(repair));
    }

    fn set_plane(&mut self, index: usize, broken: bool) {
        let Some(process) = &mut self.hosts[index].process else {
            return;
        };
        process.broken = broken;
        let life = process.life;
        let plane = if broken { Plane::Broken } else { Plane::Serves };
        self.give(index, life, Event::Plane(plane));
    }

    fn demand(&mut self, kind: Kind, index: usize, until: u64) {
        let order = match kind {
            Kind::Activate => Order::Activate { cut: true },
            Kind::ActivateWithoutCut => Order::Activate { cut: false },
            Kind::Report => Order::ReportFailure,
            Kind::Acknowledge => Order::Acknowledge,
            Kind::Leave => Order::Leave,
            _ => return self.edit(kind, index, until),
        };
        self.expect_of(index, order);
        self.order(index, order);
    }

    /// Somebody changes the file. Of three or more servers only one changes at a time, or majorities would not meet.
    fn edit(&mut self, kind: Kind, index: usize, until: u64) {
        if self.profile.files {
            return self.edit_roles(index);
        }
        if !self.file_is_everywhere() || !self.hosts.iter().all(|host| host.process.is_some()) {
            return;
        }
        let mut file = self.file;
        if kind == Kind::Roles {
            let next = self.chance.index(self.hosts.len());
            let (main, backup) = (file.main, file.backup);
            if crate::world::node(next) != main {
                file.backup = Some(crate::world::node(next));
            } else if let Some(backup) = backup {
                (file.main, file.backup) = (backup, Some(main));
            }
            return self.write_file(file);
        }
        if let Some(member) = &mut file.servers[index] {
            member.maintenance = !member.maintenance;
            if member.maintenance {
                self.queue
                    .push(until, What::Repaired(Repair::Maintenance(index)));
            }
        }
        self.write_file(file);
    }

    pub fn repair(&mut self, repair: Repair) {
        match repair {
            Repair::Links(one, other) => {
                self.net.cut[one][other] = Default::default();
                self.net.cut[other][one] = Default::default();
            }
            Repair::Service(index) => {
                self.net.mute[index] = false;
                self.net.deaf[index] = false;
            }
            Repair::Between(one, other) => {
                self.net.between[one][other] = false;
                self.net.between[other][one] = false;
            }
            Repair::Carrier(index) => self.set_carrier(index, true),
            Repair::Gateway => self.net.gateway = true,
            Repair::GatewayPath(index) => self.net.gateway_cut[index] = false,
            Repair::Disk(index) => {
                self.hosts[index].disk.full = false;
                self.hosts[index].disk.slow = 0;
            }
            Repair::Plane(index) => self.set_plane(index, false),
            Repair::Ready(index) => self.tell_readiness(index, |readiness| {
                (readiness.mirrored, readiness.outputs_up) = (true, true);
            }),
            Repair::Thaw(index) => self.thaw(index),
            Repair::Thread(index) => self.let_thread_go(index),
            Repair::Warden(index) => self.let_warden_go(index),
            Repair::Power(index) => {
                self.hosts[index].powered = true;
                self.start(index);
            }
            Repair::Maintenance(index) => self.end_maintenance(index),
        }
        self.judge.wired(self.now);
    }

    fn end_maintenance(&mut self, index: usize) {
        if !self.file_is_everywhere() {
            let again = What::Repaired(Repair::Maintenance(index));
            return self.queue.push(self.now + 500 * MILLISECOND, again);
        }
        let mut file = self.file;
        if let Some(member) = &mut file.servers[index]
            && member.maintenance
        {
            member.maintenance = false;
            self.write_file(file);
        }
    }

    /// The kernel's own clocks stood still, and so did the lifetimes of addresses.
    fn thaw(&mut self, index: usize) {
        let late = [0, 1].map(|_| self.random.between(10, 4000) * MICROSECOND);
        let host = &mut self.hosts[index];
        let Some(sleep) = host.suspended.take() else {
            return;
        };
        let slept = self.now - sleep.since;
        host.clocks.lost += slept;
        host.addresses = host.addresses.map(|until| until + slept);
        host.groggy = host.warden.is_some();
        self.trace
            .say(self.now, format_args!("{}: thaws", host.name));
        if let Some(warden) = &mut host.warden {
            let at = self.now + late[0];
            warden.watch_at = Some(at);
            let life = warden.life;
            self.queue.push(at, What::Watch { host: index, life });
        }
        if let Some(process) = &mut self.hosts[index].process {
            let at = self.now + late[1];
            process.turn_at = Some(at);
            let life = process.life;
            self.queue.push(at, What::Turn { host: index, life });
        }
        // Stalls that ended meanwhile.
        for repair in [Repair::Thread(index), Repair::Warden(index)] {
            self.queue.push(self.now + late[0], What::Repaired(repair));
        }
    }

    fn let_thread_go(&mut self, index: usize) {
        if !self.hosts[index].runs() {
            return; // later, when it thaws
        }
        let process = self.hosts[index].process.as_ref();
        if process
            .and_then(|one| one.stalled)
            .is_some_and(|until| until <= self.now)
        {
            self.thread_goes_on(index);
        }
    }

    fn let_warden_go(&mut self, index: usize) {
        if !self.hosts[index].runs() {
            return;
        }
        let warden = self.hosts[index].warden.as_ref();
        if warden
            .and_then(|one| one.stalled)
            .is_some_and(|until| until <= self.now)
        {
            self.warden_goes_on(index);
        }
    }

    /// All faults end; from now on nothing goes wrong any more.
    pub fn heal(&mut self) {
        self.trace
            .say(self.now, format_args!("** everything heals"));
        self.healed = true;
        self.net.weather = Weather::default();
        let lost: Vec<usize> = (0..self.hosts.len())
            .filter(|index| !self.net.carrier[*index])
            .collect();
        self.net.heal();
        for index in lost {
            self.set_carrier(index, true);
        }
        for index in 0..self.hosts.len() {
            self.heal_host(index);
        }
        self.judge.wired(self.now);
        if self.profile.files {
            return;
        }
        let mut file = self.file;
        for member in file.servers.iter_mut().flatten() {
            member.maintenance = false;
        }
        self.write_file(file);
    }

    fn heal_host(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.powered = true;
        host.disk.full = false;
        host.disk.slow = 0;
        host.warden_delay = 5 * MILLISECOND;
        self.thaw(index);
        self.end_stalls(index);
        if let Some(control) = self.control_at(index) {
            control.stalled = None;
        }
        if self.hosts[index].process.is_none() {
            self.start(index);
        }
        self.set_plane(index, false);
        self.repair(Repair::Ready(index));
        self.order(index, Order::Acknowledge);
    }

    fn end_stalls(&mut self, index: usize) {
        let now = self.now;
        let host = &mut self.hosts[index];
        if let Some(warden) = &mut host.warden
            && warden.stalled.is_some()
        {
            warden.stalled = Some(now);
            self.let_warden_go(index);
        }
        if let Some(process) = &mut self.hosts[index].process
            && process.stalled.is_some()
        {
            process.stalled = Some(now);
            self.let_thread_go(index);
        }
    }
}
