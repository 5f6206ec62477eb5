//! The pair thread: one loop that waits for the links, the warden, the scribe and control at the same time, gives the
//! machine what has come, and does what it says.
//!
//! After its start it takes no memory but for a change of the domain file, reads no disk, asks no name server and waits
//! for no lock.
//!
//! - `links`: sockets to the other servers; `post`: the pipe to the warden; `pulse`: how the workers are
//! - `wait`: until something happens

mod links;
mod post;
mod pulse;
#[cfg(test)]
mod tests;
mod wait;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::Builder;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;

use crate::model::time::Instant;
use crate::pair::SERVERS_MAX;
use crate::pair::action::Action;
use crate::pair::event::Event;
use crate::pair::event::FromWarden;
use crate::pair::event::Order;
use crate::pair::event::Plane as PlaneWord;
use crate::pair::event::Reply;
use crate::pair::machine;
use crate::pair::machine::Machine;
use crate::pair::term::Ballot;
use crate::plane::Plane;
use crate::ring::clock;
use crate::ring::inbox::Hub;
use crate::ring::thread::block_signals;
use crate::ring::thread::go_first;
use crate::standby::domain::Setting;
use crate::standby::handle::GIVEN_MOST;
use crate::standby::handle::Given;
use crate::standby::handle::Inside;
use crate::standby::handle::Told;
use crate::standby::scribe::Answer;
use crate::standby::scribe::Scribe;
use crate::standby::thread::links::Links;
use crate::standby::thread::post::Heard;
use crate::standby::thread::post::Post;
use crate::standby::thread::pulse::Pulse;
use crate::standby::thread::wait::Ready;
use crate::warden::wire::Said;
use crate::warden::wire::Told as ToWarden;

/// The warden hears so often that the addresses are still wanted; it lets go of them after 150 ms of silence.
const BEAT: Duration = Duration::from_millis(20);
/// While workers are to have no clients any more, they are looked at so often: that is the gap in the service.
const DRAIN_LOOK: Duration = Duration::from_millis(2);
/// A process that has died answers for its addresses until its warden has noticed (1.4 ms were seen). A question that is put
/// before that costs another 100 ms, so the machine hears of a crash so much later.
const CRASH_SETTLES: Duration = Duration::from_millis(10);
/// Orders that have no answer yet.
const ORDERS_MOST: usize = 64;
/// Adverts of a link that are read before everything else has its turn again.
const READ_MOST: usize = 128;
/// What follows from actions at once: no machine has more to do in one turn.
const FOLLOWING_MOST: usize = 16;

/// What the pair thread begins with.
pub struct Setup {
    pub setting: Setting,
    /// The domain's key for adverts.
    pub key: [u8; 32],
    /// Drawn at this start.
    pub boot: u64,
    /// `major << 16 | minor` of this release.
    pub release: u32,
    /// What the disk has; `None`: it cannot be read.
    pub ballot: Option<Ballot>,
    pub scribe: Scribe,
    /// The pipe to the warden; `None` where no address moves and nobody is pinged.
    pub warden: Option<OwnedFd>,
    pub plane: Arc<Plane>,
    pub hub: Arc<Hub>,
    /// Has the process end. Called once there will be no warden any more; it must not wait.
    pub end: fn(),
}

/// Starts it. It ends when the handle says so.
pub fn start(setup: Setup, inside: Inside) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name("halb-pair".to_owned());
    builder.spawn(move || {
        // They are for the thread that waits for them. Where that cannot be said, the right one gets them all the same.
        let _ = block_signals();
        // Where that is not allowed a host that is busy enough is replaced although it serves.
        let _ = go_first();
        Pair::new(setup, inside, clock::boot()).run();
    })
}

/// The thread's own.
struct Pair {
    machine: Machine,
    links: Links,
    post: Option<Post>,
    pulse: Pulse,
    scribe: Scribe,
    /// Why the disk did not take the last ballot.
    refused: Option<Errno>,
    inside: Inside,
    end: fn(),
    /// What the machine wants of the warden.
    hold: bool,
    /// The data plane, as the machine knows it.
    plane: PlaneWord,
    beat: Instant,
    /// When this turn began by `CLOCK_MONOTONIC`, which the warden compares with its own.
    ran: Instant,
    orders: Vec<(Order, u32)>,
    following: Vec<Event>,
    /// Who has crashed, and when the machine hears of it.
    crashes: Vec<(Event, Instant)>,
}

impl Pair {
    fn new(setup: Setup, inside: Inside, now: Instant) -> Pair {
        let begin = machine::Setup {
            domain: setup.setting.domain,
            boot: setup.boot,
            release: setup.release,
            ballot: setup.ballot,
        };
        let warden = setup.setting.warden.clone();
        Pair {
            machine: Machine::new(begin, now),
            links: Links::new(setup.key, setup.boot, &setup.setting, now),
            post: setup.warden.map(|pipe| Post::new(pipe, warden)),
            pulse: Pulse::new(setup.plane, setup.hub, now),
            scribe: setup.scribe,
            refused: None,
            inside,
            end: setup.end,
            hold: false,
            plane: PlaneWord::Serves,
            beat: now,
            ran: clock::read().now,
            orders: Vec::with_capacity(ORDERS_MOST),
            following: Vec::with_capacity(FOLLOWING_MOST),
            crashes: Vec::with_capacity(SERVERS_MAX),
        }
    }

    fn run(mut self) {
        let now = self.time();
        self.open_links(now);
        self.carry_out(now);
        while self.turn() {}
    }

    /// Wait, read everything, then the time; only then the warden hears what is wanted. `false`: the thread is to end.
    fn turn(&mut self) -> bool {
        let ready = self.wait(self.due(), clock::boot());
        let now = self.time();
        if ready.is_over() {
            return false;
        }
        self.read(&ready, now);
        self.hear_crashes(now);
        self.look(now);
        if self.machine.next().is_some_and(|due| due <= now) {
            self.on(Event::Tick, now);
        }
        if self.beat <= now {
            self.tell_warden(now);
            self.watch_what_is_left(now);
        }
        self.open_links(now);
        self.show(now);
        true
    }

    /// The time of this turn: by the clock that runs on while the host is suspended. What a majority has confirmed before
    /// that, or the network has answered, must not hold after it.
    fn time(&mut self) -> Instant {
        self.ran = clock::read().now;
        clock::boot()
    }

    /// When there is something to do, if nothing happens before.
    fn due(&self) -> Instant {
        let machine = self.machine.next();
        let links = self.links.next();
        let crashes = self.crashes.iter().map(|(_, due)| *due);
        let others = [machine, links].into_iter().flatten().chain(crashes);
        others.fold(self.beat, Instant::min)
    }

    fn read(&mut self, ready: &Ready, now: Instant) {
        for link in ready.links() {
            self.read_link(link, now);
        }
        if ready.warden() {
            self.read_warden(now);
        }
        if ready.scribe() {
            while let Some(answer) = self.scribe.answer() {
                let event = self.heard_of_disk(answer);
                self.on(event, now);
            }
        }
        if ready.control() {
            self.read_control(now);
        }
    }

    fn read_link(&mut self, link: usize, now: Instant) {
        for _ in 0..READ_MOST {
            let Some(event) = self.links.read(link, now) else {
                return;
            };
            self.on(event, now);
        }
    }

    /// Why a ballot is not on the disk is said once, although it is tried again and again.
    fn heard_of_disk(&mut self, answer: Answer) -> Event {
        match answer {
            Answer::Stored(ballot) => {
                self.refused = None;
                Event::Stored(ballot)
            }
            Answer::Refused(errno) => {
                if self.refused.replace(errno) != Some(errno) {
                    let sentence = format!("the ballot in state_dir cannot be written: {errno}");
                    self.inside.tell(Told::Trouble(sentence));
                }
                Event::NotStored
            }
        }
    }

    fn read_warden(&mut self, now: Instant) {
        while let Some(heard) = self.post.as_mut().and_then(Post::hear) {
            let event = match heard {
                Heard::Said(Said::Holds(holds)) => FromWarden::Holds(holds),
                Heard::Said(Said::Answered { number, reply }) => {
                    FromWarden::Answered { number, reply }
                }
                Heard::Said(Said::Reached) => FromWarden::Reached,
                Heard::Said(Said::Carrier(carrier)) => FromWarden::Carrier(carrier),
                Heard::Said(Said::Trouble(sentence)) => {
                    self.inside.tell(Told::Trouble(sentence));
                    continue;
                }
                // The first one of all, which the post keeps to itself.
                Heard::Said(Said::Started { .. }) => continue,
                Heard::Another => {
                    // Set up first, or it could not even ask.
                    self.tell_warden(now);
                    FromWarden::Lost
                }
                Heard::Closed => {
                    self.inside.forsake();
                    (self.end)();
                    FromWarden::Ended
                }
            };
            self.on(Event::Warden(event), now);
        }
    }

    fn read_control(&mut self, now: Instant) {
        while let Some(setting) = self.inside.setting() {
            self.links.set(&setting, now);
            self.open_links(now);
            if let Some(post) = &mut self.post {
                post.set(&setting.warden);
            }
            self.on(Event::Domain(setting.domain), now);
        }
        for _ in 0..GIVEN_MOST {
            match self.inside.given() {
                Some(given) => self.on_given(given, now),
                None => return,
            }
        }
        // Who gives without end waits for a turn like everybody else.
        self.inside.come_back();
    }

    fn on_given(&mut self, Given { number, event }: Given, now: Instant) {
        if let Event::Order(order) = event
            && order != Order::Leave
            && self.orders.len() < ORDERS_MOST
        {
            self.orders.push((order, number));
        }
        match event {
            Event::Crashed { .. } if self.crashes.len() < SERVERS_MAX => {
                self.crashes.push((event, now + CRASH_SETTLES));
            }
            _ => self.on(event, now),
        }
    }

    /// Crashes that have settled.
    fn hear_crashes(&mut self, now: Instant) {
        let is_due = |(_, due): &(Event, Instant)| *due <= now;
        while let Some(first) = self.crashes.iter().position(is_due) {
            let (event, _) = self.crashes.remove(first);
            self.on(event, now);
        }
    }

    /// How the data plane is.
    fn look(&mut self, now: Instant) {
        let plane = self.pulse.look(now);
        if plane != self.plane {
            self.plane = plane;
            self.on(Event::Plane(plane), now);
        }
    }

    fn on(&mut self, event: Event, now: Instant) {
        self.machine.on(event, now);
        self.carry_out(now);
    }

    /// Does what the machine says, and gives it what comes of that.
    fn carry_out(&mut self, now: Instant) {
        loop {
            while let Some(action) = self.machine.take() {
                self.do_one(action, now);
            }
            if self.following.is_empty() {
                return;
            }
            let event = self.following.remove(0);
            self.machine.on(event, now);
        }
    }

    fn do_one(&mut self, action: Action, now: Instant) {
        match action {
            Action::Advertise => self.links.advertise(&self.machine.advert(), now),
            Action::Hold(hold) => {
                self.hold = hold;
                if self.post.is_none() {
                    // There is nothing to be held.
                    self.following.push(Event::Warden(FromWarden::Holds(hold)));
                }
                self.tell_warden(now);
            }
            Action::Announce => {
                self.ask_warden(&ToWarden::Announce);
            }
            Action::Ask { number } => {
                if !self.ask_warden(&ToWarden::Ask { number }) {
                    let reply = Reply::Unable;
                    let answered = FromWarden::Answered { number, reply };
                    self.following.push(Event::Warden(answered));
                }
            }
            Action::Store(ballot) => {
                if !self.scribe.ask(ballot) {
                    self.following.push(Event::NotStored);
                }
            }
            Action::Workers(handover) => self.pulse.hand_over(handover),
            Action::Answer(order, outcome) => {
                // A second one like it is refused at once, while the first one waits: the latest is answered first.
                let known = self.orders.iter().rposition(|(given, _)| *given == order);
                if let Some(known) = known {
                    let (_, number) = self.orders.remove(known);
                    self.inside.tell(Told::Answer(number, outcome));
                }
            }
            Action::Leave => self.inside.tell(Told::Leave),
            Action::Note(note) => self.inside.tell(Told::Note(note)),
        }
    }

    /// *Keep* is said only while everybody who serves can; a machine that has not noticed is not asked.
    fn tell_warden(&mut self, now: Instant) {
        self.beat = now + BEAT;
        if self.pulse.drains() {
            self.beat = now + DRAIN_LOOK;
        }
        let hold = self.hold && self.plane != PlaneWord::Broken;
        let Some(post) = &mut self.post else {
            return;
        };
        post.beat(hold, self.ran);
        if post.replace(hold, now) {
            let sentence = "the warden owes a word and has said nothing for 500 ms: it is killed, and \
                            another one is started";
            self.inside.tell(Told::Trouble(sentence.to_owned()));
        }
    }

    /// The addresses of a warden that nobody replaces.
    fn watch_what_is_left(&mut self, now: Instant) {
        if self.post.as_mut().is_some_and(Post::sees_the_end) {
            self.on(Event::Warden(FromWarden::Holds(false)), now);
        }
    }

    fn ask_warden(&mut self, told: &ToWarden) -> bool {
        self.post.as_mut().is_some_and(|post| post.tell(told))
    }

    fn open_links(&mut self, now: Instant) {
        let Pair { links, inside, .. } = self;
        links.open(now, &mut |sentence| inside.tell(Told::Trouble(sentence)));
    }

    fn show(&mut self, now: Instant) {
        let mut standing = self.machine.standing(now);
        self.links.show(&mut standing);
        self.inside.show(standing);
    }
}
