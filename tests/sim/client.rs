//! Clients: each sends its requests over one connection after the other and checks what comes.

// With paths, so that the fuzz target can include this file from where it stands.
#[path = "client/slow.rs"]
mod slow;
#[path = "client/tunnel.rs"]
mod tunnel;

use std::collections::VecDeque;

use crate::client::slow::Slow;
use crate::client::slow::Way;
use crate::ledger;
use crate::ledger::Outcome;
use crate::message::Spec;
use crate::net::Seen;
use crate::parse::Body;
use crate::parse::Framing;
use crate::parse::Head;
use crate::parse::take_head;
use crate::profile::MICROSECOND;
use crate::profile::MILLISECOND;
use crate::profile::Profile;
use crate::profile::SECOND;
use crate::random::Random;
use crate::tunnel::End;
use crate::world::World;

/// What a client does that it should not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ill {
    Reset,
    Close,
    /// Ends its own direction and reads on.
    Shut,
    StopReading,
    StopWriting,
    /// Its packets vanish.
    Vanish,
}

/// How it behaves on one connection.
struct Manner {
    pipelines: bool,
    write_most: usize,
    read_most: usize,
    pause: u64,
    /// What it does, and behind how many bytes written and read.
    ill: Option<(Ill, usize)>,
    slow: Option<Slow>,
}

/// One connection of its.
struct Link {
    conn: usize,
    manner: Manner,
    /// Asked and not answered.
    waiting: VecDeque<Spec>,
    output: Vec<u8>,
    /// A body that waits for `100`, and how long.
    held: Option<(Vec<u8>, u64)>,
    input: Vec<u8>,
    begun: Option<(Head, Body)>,
    /// A 101 that came just now.
    switched: Option<Head>,
    tunnel: Option<End>,
    /// The request whose response's head was looked at for cookies.
    learned: Option<u64>,
    moved: usize,
    /// The last request was sent, or HALB said that it closes.
    last_sent: bool,
    ends: bool,
    turned_ill: bool,
    reads: bool,
    writes: bool,
    since: u64,
    next_request: u64,
}

/// One client.
pub struct Client {
    index: usize,
    number: usize,
    requests: usize,
    link: Option<Link>,
}

impl Client {
    pub fn new(index: usize, requests: usize) -> Client {
        Client {
            index,
            number: 0,
            requests,
            link: None,
        }
    }

    /// Does what is due; when it acts next, or `None`: it has ended.
    pub fn act(&mut self, world: &mut World) -> Option<u64> {
        let Some(mut link) = self.link.take() else {
            return self.connect(world);
        };
        if let Some(&(ill, at)) = link.manner.ill.as_ref()
            && link.moved >= at
            && !link.turned_ill
        {
            self.turn_ill(world, &mut link, ill);
        }
        if let Some(end) = link.tunnel.take() {
            return Some(self.act_in_tunnel(world, link, end));
        }
        let closed = self.read(world, &mut link);
        if closed || (link.turned_ill && self.is_over(world, &mut link)) {
            return Some(world.now + world.random.below(MILLISECOND));
        }
        if link.tunnel.is_some() {
            self.link = Some(link);
            return Some(world.now + 1);
        }
        self.ask(world, &mut link);
        link.write(world);
        let next = link.next(world, self.number < self.requests);
        self.link = Some(link);
        Some(next)
    }

    fn connect(&mut self, world: &mut World) -> Option<u64> {
        if self.number == self.requests {
            return None;
        }
        let id = self.next_id();
        match world.connect_client(self.index) {
            None => {
                self.number += 1;
                world.ledger.record(id, Outcome::Refused);
                Some(world.now + MILLISECOND)
            }
            Some(conn) => {
                world.ledger.first.push(id);
                self.link = Some(Link::new(world, conn));
                Some(world.now + world.random.below(MILLISECOND))
            }
        }
    }

    fn next_id(&self) -> u64 {
        (self.index * 1000 + self.number) as u64
    }

    /// Writes the next request, when it is time.
    fn ask(&mut self, world: &mut World, link: &mut Link) {
        let patient = link.manner.pipelines && link.waiting.len() < 4;
        let may = link.waiting.is_empty() || (patient && link.held.is_none());
        let stopped = link.last_sent || link.ends || link.turned_ill || link.trickles();
        let switches = link
            .waiting
            .back()
            .is_some_and(|spec| spec.tunnel.is_some());
        let may = may && !switches; // what comes behind may be no request
        if !may || stopped || world.now < link.next_request || self.number == self.requests {
            return;
        }
        let spec = Spec::of(&world.profile, self.next_id());
        self.number += 1;
        world.note(|| format!("client {}: asks {} {}", self.index, spec.method, spec.id));
        let cookies = world
            .ties
            .bring(&world.profile, self.index, spec.id, world.now);
        link.output.extend(spec.head(&cookies));
        let mut random = Random::of(world.profile.seed, spec.id);
        let body = spec.body(&mut random);
        match spec.expects {
            true => link.held = Some((body, world.now + SECOND)),
            false => link.output.extend(body),
        }
        let lingers = !(world.profile.plain || world.profile.gets_only) && world.random.chance(300);
        link.last_sent = spec.closes || (self.number == self.requests && !lingers);
        // An old client cannot know whether the connection will last.
        link.manner.pipelines &= !spec.is_old;
        link.waiting.push_back(spec);
    }

    /// Reads what came. True: the connection is over.
    fn read(&mut self, world: &mut World, link: &mut Link) -> bool {
        if !link.reads {
            return false;
        }
        let most = link.read_rate(world, link.manner.read_most);
        if most == 0 {
            return false;
        }
        match world.conns[link.conn].read(most) {
            Seen::Nothing => return false,
            Seen::Bytes(bytes) => {
                link.has_moved(world, bytes.len());
                link.input.extend(bytes);
                self.understand(world, link);
                // All answered, and nothing else to ask: gone.
                let done = link.waiting.is_empty() && link.last_sent && !link.ends;
                if done && link.tunnel.is_none() && link.input.is_empty() {
                    world.conns[link.conn].close();
                    return true;
                }
                return false;
            }
            Seen::End => self.end(world, link, false),
            Seen::Reset => self.end(world, link, true),
        }
        true
    }

    fn understand(&mut self, world: &mut World, link: &mut Link) {
        loop {
            if let Err(fault) = link.parse() {
                panic!("client {}: {fault}", self.index);
            }
            if let Some(head) = link.switched.take() {
                self.begin_tunnel(world, link, &head);
                return;
            }
            let Some((head, body)) = link.begun.take() else {
                if link.waiting.is_empty() && (link.ends || link.turned_ill) {
                    link.input.clear(); // a 503 before it asked, or a body to a HEAD not read as one
                }
                assert!(
                    link.input.is_empty() || !link.waiting.is_empty(),
                    "client {}: {} bytes that nobody asked for",
                    self.index,
                    link.input.len()
                );
                return;
            };
            self.learn(world, link, &head);
            if !body.is_finished() {
                link.begun = Some((head, body));
                return;
            }
            self.answered(world, link, &head, &body);
        }
    }

    /// A response's head is there: whatever it says of cookies counts from now on.
    fn learn(&self, world: &mut World, link: &mut Link, head: &Head) {
        let spec = &link.waiting[0];
        if link.learned == Some(spec.id) || head.all("x-sim").is_empty() {
            return;
        }
        link.learned = Some(spec.id);
        let learned = world.ties.learn(&world.profile, self.index, spec.id, head);
        learned.unwrap_or_else(|fault| panic!("client {}: {fault}", self.index));
    }

    /// A whole response is there.
    fn answered(&mut self, world: &mut World, link: &mut Link, head: &Head, body: &Body) {
        let spec = link
            .waiting
            .pop_front()
            .expect("a response has its request");
        let judged = ledger::response(&world.profile, &world.ledger, &spec, head, body);
        let outcome = judged.unwrap_or_else(|fault| panic!("client {}: {fault}", self.index));
        world.note(|| format!("client {}: {} ended {outcome:?}", self.index, spec.id));
        assert!(
            !link.trickles() || outcome == Outcome::Own(408),
            "request {} came too slowly and ended {outcome:?}",
            spec.id
        );
        let keeps = match spec.is_old {
            true => head.connection("keep-alive") && !body.is_until_close(),
            false => !head.connection("close"),
        };
        let steady = world.profile.is_steady();
        assert!(
            keeps || !steady || spec.closes || spec.is_old,
            "request {}: a connection that should be kept is closed",
            spec.id
        );
        assert!(
            !keeps || !spec.closes || world.profile.plain,
            "request {}: a connection that should close is kept",
            spec.id
        );
        let outcome = if link.turned_ill {
            Outcome::Left
        } else {
            outcome
        };
        world.ledger.record(spec.id, outcome);
        link.ends |= !keeps;
        link.next_request = world.now + link.pause(world);
    }

    /// The other end closed.
    fn end(&mut self, world: &mut World, link: &mut Link, reset: bool) {
        world.note(|| {
            format!(
                "client {}: end of conn {}, reset {reset}",
                self.index, link.conn
            )
        });
        let mut begun = !link.input.is_empty();
        if let Some((head, mut body)) = link.begun.take() {
            if !reset && body.end() {
                self.answered(world, link, &head, &body);
                begun = false;
            } else {
                let spec = &link.waiting[0];
                let sound = ledger::part(&world.profile, spec, &head, &body);
                sound.unwrap_or_else(|fault| panic!("client {}: {fault}", self.index));
                begun = true;
            }
        } else {
            let steady = world.profile.is_steady();
            let asks_more = !link.last_sent && self.number < self.requests;
            let fresh = link.waiting.is_empty() && !link.ends && asks_more;
            assert!(
                !(steady && fresh),
                "an idle connection was closed before its time"
            );
        }
        assert!(
            !link.trickles() || link.ends,
            "client {}: cut without a 408, however slow it was",
            self.index
        );
        for spec in link.waiting.drain(..) {
            let outcome = match (link.turned_ill, link.ends) {
                (true, _) => Outcome::Left,
                (false, true) => Outcome::Passed,
                _ if world.turned_away.contains(&link.conn) => Outcome::Refused,
                (false, false) => Outcome::Cut { begun },
            };
            world.ledger.record(spec.id, outcome);
            begun = false;
        }
        world.conns[link.conn].close();
    }

    fn turn_ill(&mut self, world: &mut World, link: &mut Link, ill: Ill) {
        world.note(|| format!("client {}: {ill:?} on conn {}", self.index, link.conn));
        link.turned_ill = true;
        link.since = world.now;
        let lossy = world.random.chance(500);
        if let (Ill::Close | Ill::Shut, Some(end)) = (ill, &link.tunnel) {
            world.ledger.left_early.push(end.id);
        }
        let conn = &mut world.conns[link.conn];
        match ill {
            Ill::Reset => conn.reset(lossy),
            Ill::Close => conn.close(),
            Ill::Shut => conn.shut(),
            Ill::StopReading => link.reads = false,
            Ill::StopWriting => {}
            Ill::Vanish => conn.stalled = true,
        }
        link.writes = false;
        if matches!(ill, Ill::Reset | Ill::Close) {
            link.reads = false;
        }
    }

    /// Whether nothing more can come of an ill connection.
    fn is_over(&mut self, world: &mut World, link: &mut Link) -> bool {
        let closed = world.conns[link.conn].is_closed_by_halb();
        let (ill, _) = link.manner.ill.expect("it turned ill");
        let gone = matches!(ill, Ill::Reset | Ill::Close);
        let deaf = matches!(ill, Ill::StopReading | Ill::Vanish);
        let late = world.now >= link.since + world.profile.patience();
        assert!(
            closed || !late,
            "client {} ({ill:?}) is still held after {} s",
            self.index,
            world.profile.patience() / SECOND
        );
        if !(gone || (deaf && closed)) {
            return false;
        }
        for spec in link.waiting.drain(..) {
            world.ledger.record(spec.id, Outcome::Left);
        }
        if !gone {
            world.conns[link.conn].reset(true);
        }
        true
    }
}

impl Link {
    fn new(world: &mut World, conn: usize) -> Link {
        Link {
            conn,
            manner: Manner::of(&world.profile, &mut world.random),
            waiting: VecDeque::new(),
            output: Vec::new(),
            held: None,
            input: Vec::new(),
            begun: None,
            switched: None,
            tunnel: None,
            learned: None,
            moved: 0,
            last_sent: false,
            ends: false,
            turned_ill: false,
            reads: true,
            writes: true,
            since: world.now,
            next_request: 0,
        }
    }

    /// Reads heads, and what is there of a body.
    fn parse(&mut self) -> Result<(), String> {
        while self.begun.is_none() {
            let Some(spec) = self.waiting.front() else {
                return Ok(());
            };
            let Some(head) = take_head(&mut self.input)? else {
                return Ok(());
            };
            let status = ledger::status_of(&head)?;
            if status == 101 {
                self.switched = Some(head);
                return Ok(());
            }
            if (100..200).contains(&status) {
                if spec.is_old {
                    return Err(format!("{status} to HTTP/1.0"));
                }
                if let Some((body, _)) = self.held.take() {
                    self.output.extend(body);
                }
                continue;
            }
            let bare = spec.method == "HEAD" || status == 204 || status == 304;
            let framing = match bare {
                true => Framing::Length(0),
                false => head.framing(Framing::UntilClose)?,
            };
            self.begun = Some((head, Body::new(framing)));
        }
        match &mut self.begun {
            Some((_, body)) => body.take(&mut self.input),
            None => Ok(()),
        }
    }

    fn write(&mut self, world: &mut World) {
        if let Some((_, due)) = self.held
            && due <= world.now
            && let Some((body, _)) = self.held.take()
        {
            self.output.extend(body);
        }
        if !self.writes || self.output.is_empty() || self.ends {
            return;
        }
        // A body goes out in at most some hundreds of pieces.
        let most = self.manner.write_most.max(self.output.len() / 300);
        let most = self.write_rate(world, most.min(self.output.len()));
        if let Some(count) = world.conns[self.conn].write(&self.output[..most]) {
            self.output.drain(..count);
            self.has_moved(world, count);
            let (conn, left) = (self.conn, self.output.len());
            if count > 0 {
                world.note(|| format!("client on conn {conn} writes {count}, {left} left"));
            }
        } else {
            self.output.clear();
            self.writes = false;
        }
    }

    fn has_moved(&mut self, world: &World, count: usize) {
        self.moved += count;
        if count > 0 {
            self.since = world.now;
        }
    }

    /// How much is to come of the response's content.
    fn content_left(&self) -> usize {
        match (&self.begun, self.waiting.front()) {
            (Some((_, body)), Some(_)) => body.left(),
            _ => 0,
        }
    }

    fn pause(&self, world: &mut World) -> u64 {
        world.random.below(self.manner.pause)
    }

    /// When to look again; `more`: the client still has something to ask.
    fn next(&mut self, world: &mut World, more: bool) -> u64 {
        let limit = self.since + world.profile.patience();
        // Without more to ask it lingers, until HALB has enough of it.
        let idle = self.waiting.is_empty() && !self.ends && !self.turned_ill && more;
        assert!(
            idle || world.now < limit,
            "conn {}: no sign for {} s; {} requests wait",
            self.conn,
            world.profile.patience() / SECOND,
            self.waiting.len()
        );
        let soon = world.now + 1 + self.pause(world);
        let more = self.writes && !self.output.is_empty() && !self.ends;
        let mut next = limit.max(world.now + MILLISECOND);
        if more && world.conns[self.conn].has_room() {
            next = next.min(soon.max(self.slow_until(Way::Writes)));
        }
        if world.conns[self.conn].has_bytes() && self.reads {
            next = next.min(soon.max(self.slow_until(Way::Reads)));
        }
        if idle && !self.last_sent {
            next = next.min(self.next_request.max(soon));
        }
        if let Some((_, due)) = self.held {
            next = next.min(due);
        }
        next
    }
}

impl Manner {
    /// It takes whatever comes, at once.
    fn quick() -> Manner {
        Manner {
            pipelines: false,
            write_most: 1 << 20,
            read_most: 1 << 20,
            pause: 10 * MICROSECOND,
            ill: None,
            slow: None,
        }
    }

    fn of(profile: &Profile, random: &mut Random) -> Manner {
        if profile.sizes.is_some() && profile.faults.client == 0 {
            return Manner::quick();
        }
        let unruly = profile.jitter.short > 0;
        let sizes: &[usize] = match unruly {
            true => &[1, 30, 1_000, 100_000, 100_000],
            false => &[100_000],
        };
        let pauses = [10 * MICROSECOND, MILLISECOND, 10 * MILLISECOND];
        let ills = [
            Ill::Reset,
            Ill::Close,
            Ill::Shut,
            Ill::StopReading,
            Ill::StopWriting,
            Ill::Vanish,
        ];
        let at = random.pick(&[1, 60, 400, 3_000, 100_000]);
        let ill = random
            .chance(profile.faults.client)
            .then(|| (random.pick(&ills), random.below(at) as usize));
        let slow = match ill {
            None => Slow::of(profile, random),
            Some(_) => None,
        };
        Manner {
            slow,
            pipelines: unruly && !profile.plain && random.chance(250),
            write_most: random.pick(sizes),
            read_most: random
                .pick(&[30, 1_000, 100_000, 100_000])
                .max(profile.body_max as usize / 200),
            pause: random.pick(&pauses),
            ill,
        }
    }
}
