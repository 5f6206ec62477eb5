//! The warden's process: the real lease, over a faked kernel, with faked questions and pings.

use std::time::Duration;

use halb::pair::event::Event;
use halb::pair::event::FromWarden;
use halb::pair::event::Order;
use halb::pair::event::Reply;
use halb::pair::lease::Do;
use halb::pair::lease::Lease;

use crate::host::Told;
use crate::host::Warden;
use crate::queue::MICROSECOND;
use crate::queue::MILLISECOND;
use crate::queue::SECOND;
use crate::queue::What;
use crate::world::World;

pub const LEASE: Duration = Duration::from_secs(1);
/// The kernel looks at lifetimes so coarsely that an address may stay so much longer.
pub const KERNEL_LATE: u64 = 900 * MILLISECOND;
const PROBES: u32 = 3;
const PROBE_EVERY: u64 = 20 * MILLISECOND;
/// A process whose warden nobody replaces looks itself whether the kernel still has the addresses.
const LOOK_EVERY: u64 = 20 * MILLISECOND;
const PING_EVERY: u64 = 200 * MILLISECOND;
/// More that was told waits in no pipe; the newest is refused.
const PIPE_MAX: usize = 100;

impl World {
    /// A new warden begins with taking away what it finds.
    pub fn start_warden(&mut self, index: usize) {
        let now = self.now;
        let host = &mut self.hosts[index];
        host.lives += 1;
        let life = host.lives;
        host.addresses = None;
        host.groggy = false;
        host.warden = Some(Warden {
            life,
            lease: Lease::new(LEASE),
            stalled: None,
            watch_at: None,
            question: None,
            waiting: Vec::new(),
        });
        let carrier = self.net.carrier[index];
        self.say(index, FromWarden::Holds(false));
        self.say(index, FromWarden::Carrier(carrier));
        self.queue.push(now, What::Ping { host: index, life });
    }

    pub fn tell(&mut self, index: usize, told: Told) {
        let Some(warden) = &mut self.hosts[index].warden else {
            return;
        };
        if warden.stalled.is_none() {
            return self.on_told(index, told);
        }
        if warden.waiting.len() < PIPE_MAX {
            warden.waiting.push(told);
        }
    }

    fn on_told(&mut self, index: usize, told: Told) {
        match told {
            Told::Beat(hold, sent) => self.on_beat(index, hold, sent),
            Told::Ask(number) => self.on_ask(index, number),
        }
    }

    fn on_beat(&mut self, index: usize, hold: bool, sent: halb::model::time::Instant) {
        let host = &mut self.hosts[index];
        let clocks = host.clocks.both(self.now);
        let Some(warden) = &mut host.warden else {
            return;
        };
        let beat = warden.lease.on_beat(hold, sent, clocks);
        let tick = warden.lease.tick(clocks);
        host.groggy = false;
        for deed in [beat, tick].into_iter().flatten() {
            self.do_to_kernel(index, deed);
        }
        self.watch_later(index);
    }

    /// The warden's clock has come to what it waited for.
    pub fn watch(&mut self, index: usize, life: u64) {
        let now = self.now;
        let host = &mut self.hosts[index];
        let clocks = host.clocks.both(now);
        let Some(warden) = host.warden_of(life) else {
            return;
        };
        if warden.stalled.is_some() {
            return; // its turn comes when it goes on
        }
        if warden.watch_at.is_some_and(|at| at <= now) {
            warden.watch_at = None;
        }
        let deed = warden.lease.tick(clocks);
        host.groggy = false;
        if let Some(deed) = deed {
            self.do_to_kernel(index, deed);
        }
        self.watch_later(index);
    }

    /// A stall is over. What was told meanwhile is read before the clock, as the warden's loop does.
    pub fn warden_goes_on(&mut self, index: usize) {
        let Some(warden) = &mut self.hosts[index].warden else {
            return;
        };
        warden.stalled = None;
        warden.watch_at = None;
        let life = warden.life;
        for told in std::mem::take(&mut warden.waiting) {
            self.on_told(index, told);
        }
        self.watch(index, life);
    }

    fn watch_later(&mut self, index: usize) {
        let late = self.random.between(10, 300) * MICROSECOND;
        let host = &mut self.hosts[index];
        let clocks = host.clocks;
        let Some(warden) = &mut host.warden else {
            return;
        };
        let Some(next) = warden.lease.next() else {
            return;
        };
        let at = clocks.when(next).max(self.now) + late;
        if warden.watch_at.is_none_or(|planned| at < planned) {
            warden.watch_at = Some(at);
            let life = warden.life;
            self.queue.push(at, What::Watch { host: index, life });
        }
    }

    fn do_to_kernel(&mut self, index: usize, deed: Do) {
        let until = self.now + SECOND + self.random.below(KERNEL_LATE);
        self.hosts[index].addresses = match deed {
            Do::Add | Do::Renew => Some(until),
            Do::Remove => None,
        };
        if deed == Do::Renew {
            return;
        }
        self.note(index, format_args!("warden: {deed:?}"));
        if deed == Do::Add {
            self.judge_claim(index);
        }
        self.say(index, FromWarden::Holds(deed == Do::Add));
    }

    /// To the pair thread of this host, if there is one. What is said of the addresses keeps its order, as in a pipe.
    pub fn say(&mut self, index: usize, said: FromWarden) {
        let takes = self.random.between(20, 200) * MICROSECOND;
        let host = &mut self.hosts[index];
        let mut at = self.now + takes;
        if matches!(said, FromWarden::Holds(_)) {
            at = at.max(host.said_at + 1);
            host.said_at = at;
        }
        if let Some(process) = &self.hosts[index].process {
            let (host, life) = (index, process.life);
            self.queue.push(at, What::Said { host, life, said });
        }
    }

    fn on_ask(&mut self, index: usize, number: u32) {
        let carrier = self.net.carrier[index];
        let Some(warden) = &mut self.hosts[index].warden else {
            return;
        };
        warden.question = Some(number);
        let life = warden.life;
        if !carrier {
            warden.question = None;
            let reply = Reply::Unable;
            return self.say(index, FromWarden::Answered { number, reply });
        }
        self.probe(index, life, number, PROBES);
    }

    /// One probe leaves; `left` with it.
    pub fn probe(&mut self, index: usize, life: u64, number: u32, left: u32) {
        let asks = |warden: &Warden| warden.life == life && warden.question == Some(number);
        let Some(warden) = self.hosts[index].warden.as_ref().filter(|one| asks(one)) else {
            return;
        };
        let host = index;
        if let Some(until) = warden.stalled {
            let again = What::Probe {
                host,
                life,
                number,
                left,
            };
            return self.queue.push(until.max(self.now) + 1, again);
        }
        let lost = self.net.weather.loss_per_mille;
        let late = self.random.pick(&[0, 0, 0, 5, 15]) * MILLISECOND;
        for other in (0..self.hosts.len()).filter(|other| *other != index) {
            let there = self.net.service_both(index, other) && self.hosts[other].holds(self.now);
            let reply = !self.random.chance(lost) && !self.random.chance(lost);
            if there && reply {
                let at = self.now + late + self.random.between(200, 2000) * MICROSECOND;
                self.queue.push(
                    at,
                    What::Reply {
                        host,
                        life,
                        number,
                        somebody: true,
                    },
                );
            }
        }
        let at = self.now + PROBE_EVERY;
        let next = if left > 1 {
            What::Probe {
                host,
                life,
                number,
                left: left - 1,
            }
        } else {
            What::Reply {
                host,
                life,
                number,
                somebody: false,
            }
        };
        self.queue.push(at, next);
    }

    pub fn reply(&mut self, index: usize, life: u64, number: u32, somebody: bool) {
        let Some(warden) = self.hosts[index].warden_of(life) else {
            return;
        };
        if warden.question != Some(number) {
            return;
        }
        if let Some(until) = warden.stalled {
            // What has arrived is read before the clock is.
            let at = until.max(self.now) + if somebody { 1 } else { 2 };
            let host = index;
            return self.queue.push(
                at,
                What::Reply {
                    host,
                    life,
                    number,
                    somebody,
                },
            );
        }
        warden.question = None;
        let reply = if somebody {
            Reply::Somebody
        } else {
            Reply::Silence
        };
        self.note(index, format_args!("question {number}: {reply:?}"));
        self.say(index, FromWarden::Answered { number, reply });
    }

    pub fn ping(&mut self, index: usize, life: u64) {
        let reached =
            self.net.reaches_gateway(index) && !self.random.chance(self.net.weather.loss_per_mille);
        let Some(warden) = self.hosts[index].warden_of(life) else {
            return;
        };
        let asks = warden.stalled.is_none();
        if asks && reached && self.profile.has_ping {
            self.say(index, FromWarden::Reached);
        }
        let at = self.now + PING_EVERY;
        self.queue.push(at, What::Ping { host: index, life });
    }

    /// The warden is dead; what it held stays until the kernel takes it.
    pub fn kill_warden(&mut self, index: usize) {
        self.hosts[index].warden = None;
        let delay = self.hosts[index].warden_delay;
        let Some(process) = &self.hosts[index].process else {
            return;
        };
        let (host, life) = (index, process.life);
        let event = Box::new(Event::Warden(FromWarden::Lost));
        let seen = self.now + self.random.between(100, 2000) * MICROSECOND;
        self.queue.push(seen, What::Given { host, life, event });
        self.queue.push(seen + delay, What::Warden { host, life });
    }

    /// So is its keeper: nobody starts another one, and the process is told to end.
    pub fn forsake(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.warden = None;
        if !std::mem::take(&mut host.keeper) {
            return; // that is known
        }
        let Some(process) = &host.process else {
            return;
        };
        let (host, life) = (index, process.life);
        let seen = self.now + self.random.between(100, 2000) * MICROSECOND;
        let events = [Event::Warden(FromWarden::Ended), Event::Order(Order::Leave)];
        for event in events.map(Box::new) {
            self.queue.push(seen, What::Given { host, life, event });
        }
        self.queue
            .push(seen + LOOK_EVERY, What::Left { host, life });
    }

    pub fn look_what_is_left(&mut self, index: usize, life: u64) {
        if self.hosts[index].process_of(life).is_none() {
            return;
        }
        let is_there = self.hosts[index]
            .addresses
            .is_some_and(|until| until > self.now);
        if !is_there {
            return self.say(index, FromWarden::Holds(false));
        }
        let at = self.now + LOOK_EVERY;
        self.queue.push(at, What::Left { host: index, life });
    }
}
