//! Backends: each checks that what arrives is exactly one client's request, and answers as its number says.

#[path = "backend/tunnel.rs"]
mod tunnel;

use std::net::SocketAddr;

use crate::ledger::differ;
use crate::malformed::Malformed;
use crate::message::Answer;
use crate::message::HOST;
use crate::message::Shape;
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
use crate::world::NEVER;
use crate::world::World;

/// One output's address.
pub struct Server {
    pub address: SocketAddr,
    pub name: String,
}

impl Server {
    pub fn new(index: usize) -> Server {
        let address = SocketAddr::from(([10, 0, 0, index as u8 + 1], 8000));
        Server {
            address,
            name: format!("backend{index}.example:8000"),
        }
    }
}

/// What a backend does that it should not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ill {
    /// Behind so many bytes of its answer.
    Reset(usize),
    Fin(usize),
    Stall(usize),
    Garbage(usize),
    /// Answers before it has read the body.
    Early,
    /// Something behind its answer that nobody asked for.
    Stray,
    /// Closes its idle connection after so long.
    IdleClose(u64),
    Vanish,
}

const GARBAGE: [&str; 7] = [
    "\0\0\0\0\r\n\r\n",
    "HTTP/1.1 2000 X\r\n\r\n",
    "HTTP/3.0 200 X\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 X\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "HTTP/1.1 200 X\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
    "HTTP/1.1 200 X\r\nNo Colon\r\n\r\n",
    "HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
];

/// One connection of a server's.
pub struct Backend {
    server: usize,
    conn: usize,
    input: Vec<u8>,
    request: Option<(Spec, Body)>,
    tunnel: Option<End>,
    output: Vec<u8>,
    /// Bytes it will still write; `None`: all of it.
    answering: bool,
    closes: bool,
    ill: Option<Ill>,
    written: usize,
    idle_until: u64,
    /// A request counts as inside.
    inside: bool,
    next_write: u64,
    write_most: usize,
    pause: u64,
}

impl Backend {
    pub fn new(server: usize, conn: usize, world: &mut World) -> Backend {
        let unruly = world.profile.jitter.short > 0;
        let sizes: &[usize] = match unruly {
            true => &[1, 50, 3_000, 300_000, 300_000],
            false => &[300_000],
        };
        let pauses = [
            10 * MICROSECOND,
            10 * MICROSECOND,
            MILLISECOND,
            5 * MILLISECOND,
        ];
        Backend {
            server,
            conn,
            input: Vec::new(),
            request: None,
            tunnel: None,
            output: Vec::new(),
            answering: false,
            closes: false,
            ill: None,
            written: 0,
            idle_until: NEVER,
            inside: false,
            next_write: 0,
            write_most: world.random.pick(sizes),
            pause: world.random.pick(&pauses),
        }
    }

    /// Does what is due; when it acts next, or `None`: it has ended.
    pub fn act(&mut self, world: &mut World) -> Option<u64> {
        if let Some(end) = self.tunnel.take() {
            return self.act_in_tunnel(world, end);
        }
        if !self.read(world) {
            self.leave(world);
            return None;
        }
        if !(self.answering && self.ill == Some(Ill::Early)) {
            self.understand(world);
        }
        if self.tunnel.is_some() {
            return Some(world.now + 1);
        }
        if !self.write(world) {
            self.leave(world);
            return None;
        }
        let idle = self.request.is_none() && !self.answering && self.input.is_empty();
        if idle && self.idle_until <= world.now && world.profile.faults.backend > 0 {
            world.note(|| format!("backend conn {}: closes while idle", self.conn));
            world.conns[self.conn].close();
            return None;
        }
        let conn = &world.conns[self.conn];
        let tires = idle && world.profile.faults.backend > 0;
        let mut next = if tires { self.idle_until } else { NEVER };
        if !self.output.is_empty() && conn.has_room() || self.is_due_to_close(conn.is_taken()) {
            next = next.min(self.next_write.max(world.now + 1));
        }
        Some(next)
    }

    fn is_due_to_close(&self, taken: bool) -> bool {
        self.answering && self.output.is_empty() && taken
    }

    /// Reads all that came. False: the connection is over.
    fn read(&mut self, world: &mut World) -> bool {
        loop {
            match world.conns[self.conn].read(100_000) {
                Seen::Nothing => return true,
                Seen::Bytes(bytes) => self.input.extend(bytes),
                Seen::End | Seen::Reset => break,
            }
        }
        let steady = world.profile.is_steady() && !world.profile.recovers;
        let busy = self.request.is_some() || self.answering || !self.input.is_empty();
        let server = self.server;
        world.note(|| {
            format!(
                "backend {server} conn {}: HALB ended it, busy {busy}",
                self.conn
            )
        });
        assert!(
            !(steady && busy),
            "backend {server}: HALB ended a busy connection"
        );
        world.conns[self.conn].close();
        false
    }

    /// It is done with a request, or with all.
    fn leave(&mut self, world: &mut World) {
        if std::mem::take(&mut self.inside) {
            world.ties.leave(self.server);
        }
    }

    fn understand(&mut self, world: &mut World) {
        assert!(
            !self.answering || self.input.is_empty(),
            "backend {}: bytes behind a request that is not answered yet",
            self.server
        );
        if self.answering {
            return;
        }
        if self.request.is_none() {
            let head = take_head(&mut self.input);
            match head.unwrap_or_else(|fault| panic!("backend {}: {fault}", self.server)) {
                Some(head) => self.begin(world, &head),
                None => return,
            }
        }
        let Some((spec, mut body)) = self.request.take() else {
            return;
        };
        body.take(&mut self.input)
            .unwrap_or_else(|fault| panic!("backend {}: {fault}", self.server));
        if !body.is_finished() && self.ill != Some(Ill::Early) {
            self.request = Some((spec, body));
            return;
        }
        if body.is_finished() {
            let content = spec.content();
            assert!(
                content == body.bytes,
                "{}",
                differ(spec.id, &body.bytes, &content)
            );
            assert!(
                spec.malformed.is_none(),
                "request {} is malformed and arrived whole",
                spec.id
            );
            let trailers = match body.is_chunked() {
                true => &spec.trailers.kept[..],
                false => &[],
            };
            assert_eq!(body.trailers, trailers, "trailers of request {}", spec.id);
            assert!(
                self.input.is_empty(),
                "backend {}: bytes behind {}",
                self.server,
                spec.id
            );
        }
        self.answer(world, &spec);
    }

    /// A whole head is there.
    fn begin(&mut self, world: &mut World, head: &Head) {
        let id = head
            .one("x-id")
            .ok()
            .flatten()
            .and_then(|id| id.parse().ok());
        let id = id.unwrap_or_else(|| panic!("backend {}: no number in {head:?}", self.server));
        let spec = Spec::of(&world.profile, id);
        world.note(|| format!("backend {} conn {}: got {id}", self.server, self.conn));
        let name = &world.servers[self.server].name;
        let framing = check_head(&world.profile, &spec, head, name)
            .unwrap_or_else(|fault| panic!("request {id} at backend {}: {fault}", self.server));
        world.ledger.arrived(&spec);
        let arrived = world.ties.arrive(&world.profile, id, self.server, head);
        arrived.unwrap_or_else(|fault| panic!("request {id} at backend {}: {fault}", self.server));
        self.inside = true;
        self.ill = draw(&world.profile, &mut world.random);
        self.idle_until = NEVER;
        self.written = 0;
        let answer = Answer::of(&world.profile, &spec);
        if answer.switches && self.ill == Some(Ill::Early) {
            self.ill = None; // it cannot switch before it has read the request
        }
        if spec.expects && answer.interim == Some(100) {
            self.output.extend(answer.interim_bytes());
        }
        self.request = Some((spec, Body::new(framing)));
    }

    fn answer(&mut self, world: &mut World, spec: &Spec) {
        let mut answer = Answer::of(&world.profile, spec);
        if answer.switches && !matches!(self.ill, Some(Ill::Garbage(_))) {
            self.begin_tunnel(world, spec, &answer);
            return;
        }
        let cookie = world.ties.set(&world.profile, spec.id, self.server);
        answer.fields.extend(cookie);
        self.closes = answer.closes || self.ill == Some(Ill::Early);
        if answer.interim == Some(103) {
            self.output.extend(answer.interim_bytes());
        }
        let mut random = Random::of(world.profile.seed ^ 1, spec.id);
        let bytes = answer.bytes(&mut random);
        let cut = |at: usize| at % (bytes.len() + 1);
        match self.ill {
            Some(Ill::Reset(at)) => self.ill = Some(Ill::Reset(cut(at))),
            Some(Ill::Fin(at)) => {
                self.ill = Some(Ill::Fin(cut(at)));
                if matches!(answer.shape, Shape::UntilClose(_)) {
                    world.ledger.shortened.push(spec.id);
                }
            }
            Some(Ill::Stall(at)) => self.ill = Some(Ill::Stall(cut(at))),
            Some(Ill::Vanish) => world.conns[self.conn].stalled = true,
            Some(Ill::IdleClose(after)) => self.idle_until = world.now + after,
            Some(Ill::Garbage(_) | Ill::Early | Ill::Stray) | None => {}
        }
        if let Some(ill) = self.ill {
            world.note(|| format!("backend conn {}: {ill:?} at {}", self.conn, spec.id));
        }
        match self.ill {
            Some(Ill::Garbage(which)) => {
                self.output
                    .extend(GARBAGE[which % GARBAGE.len()].as_bytes());
                self.closes = true;
            }
            Some(Ill::Stray) => {
                self.output.extend(bytes);
                // At once and whole: what comes after the connection is used again, nobody can tell apart.
                let room = world.conns[self.conn].room();
                let fits = self.output.len() + 200 < room;
                if fits && !matches!(answer.shape, Shape::UntilClose(_)) {
                    self.write_most = usize::MAX;
                    let stray = "HTTP/1.1 200 Stray\r\nX-Sim: 0\r\nContent-Length: 2\r\n\r\nno";
                    self.output.extend(stray.as_bytes());
                }
                self.closes = true;
            }
            _ => self.output.extend(bytes),
        }
        self.answering = true;
        self.next_write = world.now + world.random.below(self.pause);
        if world.profile.thinks > 0 {
            self.next_write += world.random.below(world.profile.thinks);
        }
    }

    /// Writes what is due. False: the connection is over.
    fn write(&mut self, world: &mut World) -> bool {
        if world.now < self.next_write {
            return true;
        }
        let limit = match self.ill {
            Some(Ill::Reset(at) | Ill::Fin(at) | Ill::Stall(at)) if self.answering => at,
            _ => usize::MAX,
        };
        let most = self.write_most.max(self.output.len() / 300);
        let most = most
            .min(self.output.len())
            .min(limit.saturating_sub(self.written));
        if most > 0 {
            let Some(count) = world.conns[self.conn].write(&self.output[..most]) else {
                return true; // the next read says how it ended
            };
            self.output.drain(..count);
            self.written += count;
            self.next_write = world.now + 1 + world.random.below(self.pause);
        }
        if self.answering && self.written >= limit {
            return self.break_off(world);
        }
        if self.answering && self.output.is_empty() {
            return self.finish(world);
        }
        true
    }

    fn break_off(&mut self, world: &mut World) -> bool {
        match self.ill {
            Some(Ill::Reset(_)) => {
                let lossy = world.random.chance(500);
                world.conns[self.conn].reset(lossy);
                false
            }
            Some(Ill::Fin(_)) => {
                world.conns[self.conn].close();
                false
            }
            _ if self.output.is_empty() => self.finish(world), // all of it went before it stalled
            _ => {
                self.output.clear();
                self.output.push(0); // it never comes to that
                self.next_write = NEVER;
                true
            }
        }
    }

    /// The answer is written.
    fn finish(&mut self, world: &mut World) -> bool {
        if self.closes {
            world.conns[self.conn].close();
            return false;
        }
        self.leave(world);
        self.answering = false;
        let unruly = world.random.chance(world.profile.faults.backend);
        if unruly && self.idle_until == NEVER {
            self.idle_until = world.now + world.random.below(50 * MILLISECOND);
        }
        true
    }
}

fn draw(profile: &Profile, random: &mut Random) -> Option<Ill> {
    if !random.chance(profile.faults.backend) {
        return None;
    }
    let at = random.pick(&[0, 1, 17, 300, 100_000]);
    let at = random.between(0, at) as usize;
    Some(match random.below(9) {
        0 => Ill::Reset(at),
        1 => Ill::Fin(at),
        2 => Ill::Stall(at),
        3 | 4 => Ill::Garbage(at),
        5 => Ill::Early,
        6 => Ill::Stray,
        7 => Ill::IdleClose(random.below(2 * SECOND)),
        _ => Ill::Vanish,
    })
}

/// Whether `head` is what `spec`'s client sent, as an intermediary passes it on.
fn check_head(profile: &Profile, spec: &Spec, head: &Head, name: &str) -> Result<Framing, String> {
    if let Some(Malformed::Head(_)) = spec.malformed {
        return Err("it is malformed".into());
    }
    let first = format!("{} {} HTTP/1.1", spec.method, spec.target());
    if head.first != first {
        return Err(format!("{:?} instead of {first:?}", head.first));
    }
    let host = head.one("host")?.unwrap_or_default();
    let right = match spec.has_host {
        true => host == HOST,
        false => host == name, // the output's own name, also after a second try
    };
    if !right {
        return Err(format!("Host: {host}"));
    }
    if !profile.plain {
        let client = format!("192.0.2.{}", spec.id / 1000 + 1);
        if head.all("x-forwarded-for") != [client.as_str()] {
            return Err(format!(
                "X-Forwarded-For: {:?}",
                head.all("x-forwarded-for")
            ));
        }
        if head.all("x-forwarded-proto") != ["http"] {
            return Err(format!(
                "X-Forwarded-Proto: {:?}",
                head.all("x-forwarded-proto")
            ));
        }
    }
    switch_is_passed_on(spec, head)?;
    let ours = [
        "host",
        "content-length",
        "transfer-encoding",
        "expect",
        "cookie",
    ];
    let switch = ["connection", "upgrade"];
    let rest: Vec<_> = head
        .fields
        .iter()
        .filter(|(name, _)| !ours.contains(&name.to_ascii_lowercase().as_str()))
        .filter(|(name, _)| !name.to_ascii_lowercase().starts_with("x-forwarded-"))
        .filter(|(name, _)| {
            spec.tunnel.is_none() || !switch.contains(&name.to_ascii_lowercase().as_str())
        })
        .cloned()
        .collect();
    if rest != spec.fields {
        return Err(format!("fields {rest:?} instead of {:?}", spec.fields));
    }
    let framing = head.framing(Framing::Length(0))?;
    let right = match spec.shape {
        Shape::Chunked(_) => framing == Framing::Chunked,
        shape => framing == Framing::Length(shape.length()),
    };
    match right {
        true => Ok(framing),
        false => Err(format!("{framing:?} instead of {:?}", spec.shape)),
    }
}

/// What may be asked for goes on, and nothing else.
fn switch_is_passed_on(spec: &Spec, head: &Head) -> Result<(), String> {
    let Some(tunnel) = &spec.tunnel else {
        return Ok(()); // then these are among the fields that must not be there
    };
    let (_, offer) = tunnel.offer;
    if head.one("upgrade")? != Some(offer) || head.all("connection") != ["upgrade"] {
        return Err(format!("asks to switch in another way: {head:?}"));
    }
    Ok(())
}
