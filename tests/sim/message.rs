//! Requests and responses that follow from their number alone, so that both ends know what has to arrive.

use crate::malformed::Malformed;
use crate::profile::Profile;
use crate::random::Random;
use crate::random::bytes_of;
use crate::tunnel::PROTOCOL;
use crate::tunnel::Tunnel;

/// The host every client asks for.
pub const HOST: &str = "sim.example";

/// How a message's body goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    None,
    Length(usize),
    Chunked(usize),
    UntilClose(usize),
}

impl Shape {
    pub fn length(self) -> usize {
        match self {
            Shape::None => 0,
            Shape::Length(length) | Shape::Chunked(length) | Shape::UntilClose(length) => length,
        }
    }
}

/// The request called `id`.
#[derive(Clone, Debug)]
pub struct Spec {
    pub id: u64,
    pub method: &'static str,
    pub is_old: bool,
    pub has_host: bool,
    pub shape: Shape,
    /// `Connection: close`, or nothing in HTTP/1.0: the last on its connection.
    pub closes: bool,
    pub expects: bool,
    /// Fields that have to arrive unchanged and in order.
    pub fields: Vec<(String, String)>,
    /// Chunks carry extensions, which go no further.
    pub extends: bool,
    pub trailers: Trailers,
    /// It asks to switch protocols.
    pub tunnel: Option<Tunnel>,
    /// It must not be accepted.
    pub malformed: Option<Malformed>,
    /// Fields that must not arrive.
    pub hop_by_hop: Vec<(String, String)>,
}

impl Spec {
    pub fn of(profile: &Profile, id: u64) -> Spec {
        let mut random = Random::of(profile.seed ^ 0x5EC, id);
        let plain = profile.plain || profile.gets_only;
        let method = match plain {
            _ if profile.gets_only => "GET",
            true => random.pick(&["GET", "GET", "POST"]),
            false => random.pick(&["GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE"]),
        };
        let is_old = !plain && random.chance(150);
        let length = length(&mut random, profile.body_max);
        let up = profile.sizes.and_then(|sizes| sizes.up(id));
        let method = if up.is_some() { "PUT" } else { method };
        let shape = match method {
            _ if let Some(length) = up => Shape::Length(length),
            "POST" | "PUT" if is_old || random.chance(600) => Shape::Length(length),
            "POST" | "PUT" => Shape::Chunked(length),
            _ => Shape::None,
        };
        let closes = !plain && random.chance(if is_old { 600 } else { 120 });
        if let Some(malformed) = Malformed::of(profile, id) {
            return Spec::malformed(&mut random, id, malformed);
        }
        let spec = Spec {
            id,
            method,
            is_old,
            has_host: !is_old || random.chance(500),
            shape,
            closes,
            expects: !plain && !is_old && shape.length() > 0 && random.chance(100),
            fields: fields(&mut random, id, !profile.gets_only),
            extends: !plain,
            trailers: Trailers::of(plain, profile.seed, id),
            tunnel: None,
            malformed: None,
            hop_by_hop: match plain {
                true => Vec::new(),
                false => hop_by_hop(&mut random, is_old, closes),
            },
        };
        match plain {
            true => spec,
            false => spec.asking_to_switch(profile),
        }
    }

    /// The same with what it asks for besides its response, and sometimes in vain.
    fn asking_to_switch(mut self, profile: &Profile) -> Spec {
        let field = |name: &str, value: &str| (name.to_string(), value.to_string());
        self.tunnel = Tunnel::of(profile, self.id);
        if let Some(tunnel) = &self.tunnel {
            self.is_old = false;
            self.has_host = true;
            self.closes = false;
            if self.shape == Shape::None {
                self.method = "GET";
            }
            let (asked, _) = tunnel.offer;
            self.hop_by_hop = vec![field("Connection", "Upgrade"), field("Upgrade", asked)];
            return self;
        }
        let mut random = Random::of(profile.seed ^ 0x42C, self.id);
        if random.chance(profile.tunnels) {
            let protocol = if self.is_old { PROTOCOL } else { "h2c" };
            let fields = [
                field("Connection", "Upgrade, HTTP2-Settings"),
                field("Upgrade", protocol),
                field("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
            ];
            self.hop_by_hop.extend(fields);
        }
        self
    }

    fn malformed(random: &mut Random, id: u64, malformed: Malformed) -> Spec {
        let (method, shape) = match malformed {
            Malformed::Head(_) => ("GET", Shape::None),
            Malformed::Body => ("POST", Shape::Chunked(random.between(0, 600) as usize)),
        };
        Spec {
            id,
            method,
            is_old: false,
            has_host: true,
            shape,
            closes: true,
            expects: false,
            fields: fields(random, id, false),
            extends: false,
            trailers: Trailers::default(),
            tunnel: None,
            malformed: Some(malformed),
            hop_by_hop: Vec::new(),
        }
    }

    pub fn is_idempotent(&self) -> bool {
        self.method != "POST"
    }

    pub fn target(&self) -> String {
        format!("/r/{}?of=sim", self.id)
    }

    /// The head, as its client writes it, with these Cookie lines.
    pub fn head(&self, cookies: &str) -> Vec<u8> {
        if let Some(Malformed::Head(which)) = self.malformed {
            return Malformed::head(which);
        }
        let version = if self.is_old { "1.0" } else { "1.1" };
        let mut text = format!("{} {} HTTP/{version}\r\n", self.method, self.target());
        if self.has_host {
            text += &format!("Host: {HOST}\r\n");
        }
        for (name, value) in self.hop_by_hop.iter().chain(&self.fields) {
            text += &format!("{name}: {value}\r\n");
        }
        if self.expects {
            text += "Expect: 100-continue\r\n";
        }
        text += cookies;
        text += &framing_line(self.shape);
        text += "\r\n";
        text.into_bytes()
    }

    pub fn content(&self) -> Vec<u8> {
        bytes_of(self.id, self.shape.length())
    }

    /// The body, as its client writes it.
    pub fn body(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = framed(
            self.shape,
            &self.content(),
            self.extends,
            &self.trailers,
            random,
        );
        if self.malformed == Some(Malformed::Body) {
            bytes.truncate(bytes.len() - "0\r\n\r\n".len());
            bytes.extend(b"-1\r\n0\r\n\r\n");
        }
        bytes
    }
}

/// The response to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub id: u64,
    pub status: u16,
    /// It switches protocols: there is no other response.
    pub switches: bool,
    pub is_old: bool,
    pub interim: Option<u16>,
    /// With the body that a HEAD or a 304 does not carry.
    pub shape: Shape,
    pub carries_body: bool,
    pub closes: bool,
    pub has_date: bool,
    pub extends: bool,
    pub trailers: Trailers,
    pub fields: Vec<(String, String)>,
}

/// What stands behind the last chunk.
#[derive(Clone, Debug, Default)]
pub struct Trailers {
    /// Has to arrive, in order.
    pub kept: Vec<(String, String)>,
    /// Must not arrive.
    dropped: Option<&'static str>,
}

impl Trailers {
    fn of(plain: bool, seed: u64, id: u64) -> Trailers {
        let mut random = Random::of(seed ^ 0x7A1, id);
        if plain || random.chance(600) {
            return Trailers::default();
        }
        let field = |number| (format!("X-Trailer-{number}"), format!("{id} behind"));
        let dropped = [
            "Content-Length: 7",
            "Host: elsewhere",
            "Transfer-Encoding: chunked",
        ];
        Trailers {
            kept: (0..random.below(4)).map(field).collect(),
            dropped: random.chance(300).then(|| random.pick(&dropped)),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        if let Some(line) = self.dropped {
            text += &format!("{line}\r\n");
        }
        for (name, value) in &self.kept {
            text += &format!("{name}: {value}\r\n");
        }
        text.into_bytes()
    }
}

impl Answer {
    pub fn of(profile: &Profile, spec: &Spec) -> Answer {
        let mut random = Random::of(profile.seed ^ 0xA45, spec.id);
        let plain = profile.plain || profile.gets_only;
        let status = match plain {
            true => 200,
            false => random.pick(&[200, 200, 200, 200, 200, 204, 304, 404]),
        };
        let is_old = !plain && random.chance(80);
        let drawn = length(&mut random, profile.body_max);
        let length = profile.sizes.map_or(drawn, |sizes| sizes.down(spec.id));
        let shape = match random.below(10) {
            _ if status == 204 => Shape::None,
            0 if !plain => Shape::UntilClose(length),
            1..=3 if !is_old && !profile.gets_only => Shape::Chunked(length),
            _ => Shape::Length(length),
        };
        let until_close = matches!(shape, Shape::UntilClose(_));
        let answer = Answer {
            id: spec.id,
            status,
            switches: false,
            is_old,
            interim: match random.below(20) {
                0 if !plain && !spec.is_old && !is_old => Some(103),
                _ if spec.expects && !is_old => Some(100),
                _ => None,
            },
            shape,
            carries_body: spec.method != "HEAD" && status != 304 && status != 204,
            closes: until_close || (!plain && (is_old || random.chance(100))),
            has_date: random.chance(500),
            extends: !plain,
            trailers: Trailers::of(plain, profile.seed, spec.id ^ 0xFFFF),
            fields: fields(&mut random, spec.id ^ 0xFFFF, !profile.gets_only),
        };
        match spec.tunnel {
            Some(tunnel) if tunnel.granted => answer.switching(),
            _ => answer,
        }
    }

    fn switching(self) -> Answer {
        Answer {
            status: 101,
            switches: true,
            is_old: false,
            shape: Shape::None,
            carries_body: false,
            closes: false,
            ..self
        }
    }

    /// What the backend writes ahead of its answer.
    pub fn interim_bytes(&self) -> Vec<u8> {
        match self.interim {
            Some(status) => format!("HTTP/1.1 {status} Meanwhile\r\n\r\n").into_bytes(),
            None => Vec::new(),
        }
    }

    /// What the backend writes.
    pub fn bytes(&self, random: &mut Random) -> Vec<u8> {
        let version = if self.is_old { "1.0" } else { "1.1" };
        let mut text = format!(
            "HTTP/{version} {} Because\r\nX-Sim: {}\r\n",
            self.status, self.id
        );
        if self.has_date {
            text += "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n";
        }
        if self.switches {
            text += &format!("Connection: upgrade\r\nUpgrade: {PROTOCOL}\r\n");
        }
        // Closing a connection that looked persistent is a fault; one that never looked so may stay silent.
        let shows_so = self.carries_body && matches!(self.shape, Shape::UntilClose(_));
        let says_so = !self.is_old && !shows_so;
        if self.closes && (says_so || random.chance(500)) {
            text += "Connection: close\r\n";
        }
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\r\n");
        }
        text += &framing_line(self.shape);
        text += "\r\n";
        let mut bytes = text.into_bytes();
        if self.carries_body {
            bytes.append(&mut framed(
                self.shape,
                &self.content(),
                self.extends,
                &self.trailers,
                random,
            ));
        }
        bytes
    }

    /// What the client's body has to be.
    pub fn content(&self) -> Vec<u8> {
        match self.carries_body {
            true => bytes_of(self.id ^ 0xFFFF, self.shape.length()),
            false => Vec::new(),
        }
    }
}

/// A length from nothing to `most`, mostly short.
pub fn length(random: &mut Random, most: u64) -> usize {
    let most = match random.below(4) {
        0 => 0,
        1 | 2 => most.min(600),
        _ => most,
    };
    random.between(0, most) as usize
}

fn fields(random: &mut Random, id: u64, pads: bool) -> Vec<(String, String)> {
    let mut list = vec![("X-Id".to_string(), id.to_string())];
    for number in 0..random.below(6) {
        let name = random.pick(&["Accept", "User-Agent", "X-Long-Name-Of-A-Field", "Via-Not"]);
        let value = format!("v{number}, {}", random.next());
        list.push((name.to_string(), value));
    }
    if pads && random.chance(60) {
        let length = random.between(100, 5_000) as usize;
        list.push(("X-Pad".to_string(), "p".repeat(length)));
    }
    list
}

fn hop_by_hop(random: &mut Random, is_old: bool, closes: bool) -> Vec<(String, String)> {
    let mut list = Vec::new();
    let mut add = |name: &str, value: &str| list.push((name.to_string(), value.to_string()));
    match (is_old, closes) {
        (true, false) => add("Connection", "keep-alive"),
        (false, true) => add("Connection", "close"),
        (true, true) | (false, false) => {}
    }
    if !is_old && random.chance(200) {
        add("Connection", "x-only-here");
        add("X-Only-Here", "not further");
    }
    if random.chance(100) {
        add("Keep-Alive", "timeout=5");
    }
    list
}

fn framing_line(shape: Shape) -> String {
    match shape {
        Shape::None | Shape::UntilClose(_) => String::new(),
        Shape::Length(length) => format!("Content-Length: {length}\r\n"),
        Shape::Chunked(_) => "Transfer-Encoding: chunked\r\n".to_string(),
    }
}

fn framed(
    shape: Shape,
    content: &[u8],
    extends: bool,
    trailers: &Trailers,
    random: &mut Random,
) -> Vec<u8> {
    let Shape::Chunked(_) = shape else {
        return content.to_vec();
    };
    let most = random
        .pick(&[1, 7, 300, 9_000, 100_000])
        .max(content.len() / 200 + 1);
    let mut bytes = Vec::with_capacity(content.len() + 64);
    let mut rest = content;
    while !rest.is_empty() {
        let (chunk, behind) =
            rest.split_at(random.between(1, most as u64) as usize % (rest.len() + 1));
        if !chunk.is_empty() {
            let extension = if extends && random.chance(50) {
                ";of=sim"
            } else {
                ""
            };
            bytes.extend(format!("{:x}{extension}\r\n", chunk.len()).into_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        rest = behind;
    }
    bytes.extend_from_slice(b"0\r\n");
    bytes.extend(trailers.bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes
}
