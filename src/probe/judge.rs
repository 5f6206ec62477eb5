//! The answer to an http probe, judged as its bytes come.
//!
//! It is read as strictly as an answer on the data plane: a server that speaks otherwise could not serve there.

#[cfg(test)]
mod tests;

use crate::http::body::BodyFault;
use crate::http::body::Framing;
use crate::http::body::HEADROOM;
use crate::http::body::Relay;
use crate::http::body::TAILROOM;
use crate::http::field::Fields;
use crate::http::response;
use crate::http::response::Asked;
use crate::http::response::Broken;
use crate::http::response::Response;
use crate::probe::question::HttpQuestion;
use crate::probe::reason::Failure;
use crate::probe::reason::Good;
use crate::probe::reason::shown;
use crate::probe::search::Scan;
use crate::probe::search::Search;

/// So much of a document is read (SPEC 5).
pub const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024;
/// Interim answers before the one that counts; a server may not go on with them for ever.
const INTERIMS_MAX: u32 = 16;

/// What the bytes so far mean.
#[derive(Debug)]
pub enum Verdict {
    /// More bytes are needed.
    More,
    Good(Good),
    Bad(Failure),
    /// The pattern has to be searched in this document, which may take long.
    Search(Document),
}

/// A document that was kept for its search.
#[derive(Debug)]
pub struct Document {
    status: u16,
    bytes: Vec<u8>,
    end: End,
}

/// How a document ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Whole,
    /// There is more of it than is read.
    Cut,
    /// The connection ended first.
    BrokenOff,
}

/// Reads one answer.
pub struct Judge<'q> {
    question: &'q HttpQuestion,
    stage: Stage<'q>,
}

enum Stage<'q> {
    Head { bytes: Vec<u8>, interims: u32 },
    Body(Box<Body<'q>>),
    Over,
}

/// A document on its way.
struct Body<'q> {
    status: u16,
    question: &'q HttpQuestion,
    search: &'q Search,
    relay: Relay,
    seeker: Seeker,
    /// What came and means nothing yet without what comes behind it.
    pending: Vec<u8>,
    /// Of the document, so far.
    document_bytes: u64,
}

enum Seeker {
    Stepping(Box<Scan>),
    Keeping(Vec<u8>),
}

impl Document {
    /// Searches it; not on a thread that others wait for.
    pub fn search(&self, question: &HttpQuestion) -> Verdict {
        let Some(search) = &question.search else {
            return answered(question, self.status);
        };
        match search.in_whole(&self.bytes) {
            Ok(true) => answered(question, self.status),
            Ok(false) => not_found(search, self.bytes.len() as u64, self.end),
            Err(_) => Verdict::Bad(Failure::TooManySteps(shown(search.pattern()))),
        }
    }
}

impl<'q> Judge<'q> {
    pub fn new(question: &'q HttpQuestion) -> Judge<'q> {
        Judge {
            question,
            stage: Stage::Head {
                bytes: Vec::new(),
                interims: 0,
            },
        }
    }

    /// Whether any of the answer's head has come.
    pub fn has_begun(&self) -> bool {
        match &self.stage {
            Stage::Head { bytes, interims } => !bytes.is_empty() || *interims > 0,
            Stage::Body(_) | Stage::Over => true,
        }
    }

    /// Takes more of the answer. Behind a verdict nothing more is asked for.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> Verdict {
        let verdict = match &mut self.stage {
            Stage::Head { bytes: head, .. } => {
                head.extend_from_slice(bytes);
                self.on_head()
            }
            Stage::Body(body) => body.on_bytes(bytes),
            Stage::Over => panic!("the verdict has been given"),
        };
        self.conclude(verdict)
    }

    /// The answer ends here.
    pub fn on_end(&mut self) -> Verdict {
        self.end_with(Failure::Closed, Relay::end_of_stream)
    }

    /// The connection was lost.
    pub fn on_loss(&mut self) -> Verdict {
        self.end_with(Failure::Reset, |_| Err(BodyFault::Truncated))
    }

    fn end_with(
        &mut self,
        nothing: Failure,
        end: impl FnOnce(&mut Relay) -> Result<&'static [u8], BodyFault>,
    ) -> Verdict {
        let begun = self.has_begun();
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Head { .. } if begun => {
                Verdict::Bad(Failure::NotHttp("the answer broke off within its head"))
            }
            Stage::Head { .. } => Verdict::Bad(nothing),
            Stage::Body(mut body) => match end(&mut body.relay) {
                Ok(_) => body.finish(End::Whole),
                Err(_) => body.finish(End::BrokenOff),
            },
            Stage::Over => panic!("the verdict has been given"),
        }
    }

    fn conclude(&mut self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::More => {}
            Verdict::Good(_) | Verdict::Bad(_) | Verdict::Search(_) => self.stage = Stage::Over,
        }
        verdict
    }

    /// Reads heads: interim ones, and the one that counts.
    fn on_head(&mut self) -> Verdict {
        let asked = Asked {
            method: self.question.method,
            upgrade: false,
        };
        let mut fields = Fields::new();
        while let Stage::Head { bytes, interims } = &mut self.stage {
            let head = response::parse(bytes, self.question.head_bytes_max, asked, &mut fields);
            match head {
                Ok(None) => break,
                Err(broken) => return Verdict::Bad(Failure::NotHttp(plain(broken))),
                Ok(Some(head)) if head.is_interim() => {
                    bytes.drain(..head.head_bytes);
                    *interims += 1;
                    if *interims > INTERIMS_MAX {
                        let endless = "interim answers without end";
                        return Verdict::Bad(Failure::NotHttp(endless));
                    }
                }
                Ok(Some(head)) => {
                    let rest = bytes.split_off(head.head_bytes);
                    return self.on_final(&head, &rest);
                }
            }
        }
        Verdict::More
    }

    /// The head that counts, and what came with it.
    fn on_final(&mut self, head: &Response, rest: &[u8]) -> Verdict {
        if !(200..400).contains(&head.status) {
            let asked = self.question.asked.clone();
            return Verdict::Bad(Failure::Status(head.status, asked));
        }
        let Some(search) = &self.question.search else {
            return answered(self.question, head.status);
        };
        let mut body = Box::new(Body::new(head, self.question, search));
        let verdict = body.on_bytes(rest);
        if matches!(verdict, Verdict::More) {
            self.stage = Stage::Body(body);
        }
        verdict
    }
}

impl<'q> Body<'q> {
    fn new(head: &Response, question: &'q HttpQuestion, search: &'q Search) -> Body<'q> {
        let onward = match head.body {
            Framing::Chunked => Framing::UntilClose,
            same => same,
        };
        let seeker = match search.scan() {
            Some(scan) => Seeker::Stepping(Box::new(scan)),
            None => Seeker::Keeping(Vec::new()),
        };
        Body {
            status: head.status,
            question,
            search,
            relay: Relay::new(head.body, onward),
            seeker,
            pending: Vec::new(),
            document_bytes: 0,
        }
    }

    fn on_bytes(&mut self, bytes: &[u8]) -> Verdict {
        let mut room = vec![0; HEADROOM];
        room.append(&mut self.pending);
        room.extend_from_slice(bytes);
        let input = HEADROOM..room.len();
        room.resize(input.end + TAILROOM, 0);
        let Ok(piece) = self.relay.piece(&mut room, input.clone()) else {
            return Verdict::Bad(Failure::NotHttp("the document's chunks are malformed"));
        };
        self.pending
            .extend_from_slice(&room[input.start + piece.consumed..input.end]);
        let document = &room[piece.output];
        let left = DOCUMENT_BYTES_MAX - self.document_bytes;
        let taken = usize::try_from(left).map_or(document.len(), |left| left.min(document.len()));
        self.document_bytes += taken as u64;
        if self.seek(&document[..taken]) {
            answered(self.question, self.status)
        } else if self.relay.finished() && taken == document.len() {
            self.finish(End::Whole)
        } else if self.document_bytes == DOCUMENT_BYTES_MAX {
            self.finish(End::Cut)
        } else {
            Verdict::More
        }
    }

    fn seek(&mut self, document: &[u8]) -> bool {
        match &mut self.seeker {
            Seeker::Stepping(scan) => self.search.on_bytes(scan, document),
            Seeker::Keeping(kept) => {
                kept.extend_from_slice(document);
                false
            }
        }
    }

    /// Nothing more comes.
    fn finish(&mut self, end: End) -> Verdict {
        match std::mem::replace(&mut self.seeker, Seeker::Keeping(Vec::new())) {
            Seeker::Stepping(scan) => {
                if self.search.on_end(*scan) && end != End::BrokenOff {
                    answered(self.question, self.status)
                } else {
                    not_found(self.search, self.document_bytes, end)
                }
            }
            Seeker::Keeping(bytes) => Verdict::Search(Document {
                status: self.status,
                bytes,
                end,
            }),
        }
    }
}

fn answered(question: &HttpQuestion, status: u16) -> Verdict {
    Verdict::Good(Good::Answered(status, question.asked.clone()))
}

fn not_found(search: &Search, bytes: u64, end: End) -> Verdict {
    Verdict::Bad(match end {
        End::Whole => Failure::NotFound(shown(search.pattern()), bytes, false),
        End::Cut => Failure::NotFound(shown(search.pattern()), bytes, true),
        End::BrokenOff => Failure::BrokenOff(bytes),
    })
}

/// What is wrong with a head, in plain words.
fn plain(broken: Broken) -> &'static str {
    match broken {
        Broken::StatusLine => "the answer is not HTTP",
        Broken::Field(_) => "a field line of the answer is malformed",
        Broken::Framing(_) => "the answer says in more than one way, or wrongly, how long it is",
        Broken::HeadTooLong => "the answer's head is longer than max_head_bytes",
        Broken::SwitchUnasked => "the answer switches protocols, which was not asked for",
    }
}
