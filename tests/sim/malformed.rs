//! Requests that no server may accept, each with what it has to be answered.

use crate::profile::Profile;
use crate::random::Random;

/// What is wrong with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Its head: no backend may see any of it.
    Head(usize),
    /// A chunk of its body: no backend may see it whole.
    Body,
}

impl Malformed {
    pub fn of(profile: &Profile, id: u64) -> Option<Malformed> {
        let mut random = Random::of(profile.seed ^ 0x3A1, id);
        let chosen = random.chance(profile.faults.malformed);
        chosen.then(|| match random.index(HEADS.len() + 3) {
            head if head < HEADS.len() => Malformed::Head(head),
            _ => Malformed::Body,
        })
    }

    /// What HALB has to answer.
    pub fn status(self) -> u16 {
        match self {
            Malformed::Head(which) => HEADS[which].0,
            Malformed::Body => 400,
        }
    }

    /// The head with a request behind it that is none, as long as the head is not accepted.
    pub fn head(which: usize) -> Vec<u8> {
        let hidden = "GET /hidden HTTP/1.1\r\nHost: sim.example\r\n\r\n";
        format!("{}{hidden}", HEADS[which].1).into_bytes()
    }
}

const HEADS: [(u16, &str); 16] = [
    (
        400,
        "POST /r HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    (
        400,
        "POST /r HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
    ),
    (
        400,
        "POST /r HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\n",
    ),
    (
        400,
        "POST /r HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
    ),
    (
        400,
        "POST /r HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    (
        501,
        "POST /r HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: unknown, chunked\r\n\r\n",
    ),
    (400, "GET /r HTTP/1.1\r\n\r\n"),
    (400, "GET /r HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"),
    (400, "GET /r HTTP/1.1\r\nHost: h\r\nX-Space : 1\r\n\r\n"),
    (400, "GET /r HTTP/1.1\r\nHost: h\r\nX-Fold: 1\r\n 2\r\n\r\n"),
    (400, "GET /r HTTP/1.1\r\nHost: h\nX-Bare: 1\r\n\r\n"),
    (400, "GET /r HTTP/1.1\r\nHost: h\r\nX-Nul: a\0b\r\n\r\n"),
    (400, "GET  /r HTTP/1.1\r\nHost: h\r\n\r\n"),
    (400, "GET /r\r\nHost: h\r\n\r\n"),
    (505, "GET /r HTTP/2.0\r\nHost: h\r\n\r\n"),
    (405, "TRACE /r HTTP/1.1\r\nHost: h\r\n\r\n"),
];
