//! What happened to every request, and whether anything excuses it.

use std::collections::BTreeMap;

use crate::malformed::Malformed;
use crate::message::Answer;
use crate::message::Shape;
use crate::message::Spec;
use crate::parse::Body;
use crate::parse::Head;
use crate::profile::Family;
use crate::profile::Profile;
use crate::tunnel::PROTOCOL;

/// How one request ended for its client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The backend's response, exactly.
    Exact,
    /// An answer of HALB's own.
    Own(u16),
    /// The connection ended before the response did.
    Cut { begun: bool },
    /// It was never looked at: HALB closed behind an earlier one.
    Passed,
    /// The client itself gave up.
    Left,
    /// No connection could be made.
    Refused,
}

/// What a run leaves to judge.
#[derive(Default)]
pub struct Ledger {
    pub outcomes: BTreeMap<u64, Outcome>,
    /// How often backends saw the head of each request.
    pub seen: BTreeMap<u64, u32>,
    /// Answers that their backend ended early, in a way that nobody can tell from their end.
    pub shortened: Vec<u64>,
    /// Tunnels whose client knows of them.
    pub switched: Vec<u64>,
    /// Tunnels that one of their ends left before it had said all, as if it had.
    pub left_early: Vec<u64>,
    /// Fresh requests: the first of their connection.
    pub first: Vec<u64>,
}

impl Ledger {
    pub fn record(&mut self, id: u64, outcome: Outcome) {
        let before = self.outcomes.insert(id, outcome.clone());
        assert!(
            before.is_none(),
            "request {id} ended twice: {before:?}, then {outcome:?}"
        );
    }

    /// A backend read the whole head of `spec`.
    pub fn arrived(&mut self, spec: &Spec) {
        let count = self.seen.entry(spec.id).or_default();
        *count += 1;
        assert!(
            spec.is_idempotent() || *count == 1,
            "request {} ({}) reached backends {count} times",
            spec.id,
            spec.method
        );
        assert!(
            *count <= 3,
            "request {} reached backends {count} times",
            spec.id
        );
    }

    /// A tunnel's end hears no more, and not with a reset: it has to take what it heard for whole.
    pub fn ended(&mut self, tunnel: u64) {
        assert!(
            self.left_early.contains(&tunnel) || !self.switched.contains(&tunnel),
            "tunnel {tunnel} was cut, and looks whole"
        );
        self.left_early.push(tunnel); // by who heard that, now
    }

    /// Whether `outcome` may be, in this world.
    pub fn judge(&self, profile: &Profile, id: u64, outcome: &Outcome) {
        let malformed = Malformed::of(profile, id);
        let excused = match outcome {
            Outcome::Exact if malformed.is_some() => answers_early(profile, malformed),
            Outcome::Own(status) if malformed.is_some_and(|one| one.status() == *status) => true,
            Outcome::Cut { .. } if malformed.is_some() && profile.family == Family::Clients => {
                false
            }
            Outcome::Exact | Outcome::Left => true,
            Outcome::Own(status) => own_is_excused(profile, *status),
            Outcome::Cut { begun } => self.cut_is_excused(profile, id, *begun),
            Outcome::Passed => passing_is_excused(profile),
            Outcome::Refused => profile.stop.is_some(),
        };
        assert!(
            excused,
            "request {id} ended with {outcome:?}, and nothing in {:?} excuses it",
            profile.family
        );
    }

    fn cut_is_excused(&self, profile: &Profile, id: u64, begun: bool) -> bool {
        match profile.family {
            Family::Calm | Family::CalmPair | Family::Places | Family::Shaped => false,
            Family::Tied if profile.stop.is_none() => false,
            // A kept-alive connection may be closed just as the next request leaves; a first one may not.
            Family::Switched if profile.cuts => true,
            Family::Finish | Family::Tied | Family::Switched => !begun && !self.first.contains(&id),
            Family::Clients
            | Family::Backends
            | Family::Full
            | Family::Stop
            | Family::Everything => true,
        }
    }
}

/// A backend that answers before it has the body may answer one that is malformed.
fn answers_early(profile: &Profile, malformed: Option<Malformed>) -> bool {
    malformed == Some(Malformed::Body) && profile.faults.backend > 0
}

fn own_is_excused(profile: &Profile, status: u16) -> bool {
    let by_client = status == 408;
    let by_backend = matches!(status, 502..=504);
    match profile.family {
        Family::Calm | Family::CalmPair | Family::Finish | Family::Tied | Family::Shaped => false,
        Family::Switched => status == 503 && profile.cuts,
        Family::Places => status == 503 && profile.is_impatient(),
        Family::Clients => by_client,
        Family::Backends => by_backend,
        Family::Full => by_client || by_backend,
        Family::Stop | Family::Everything => by_client || by_backend,
    }
}

fn passing_is_excused(profile: &Profile) -> bool {
    match profile.family {
        Family::Calm | Family::CalmPair | Family::Shaped => false,
        Family::Tied => profile.stop.is_some(),
        Family::Places => profile.is_impatient(),
        Family::Clients
        | Family::Backends
        | Family::Full
        | Family::Finish
        | Family::Stop
        | Family::Switched
        | Family::Everything => true,
    }
}

/// Checks a whole response that came for `spec`. What it was, if it is sound.
pub fn response(
    profile: &Profile,
    ledger: &Ledger,
    spec: &Spec,
    head: &Head,
    body: &Body,
) -> Result<Outcome, String> {
    let status = status_of(head)?;
    let Some(name) = head.one("x-sim")? else {
        return own(spec, head, body, status);
    };
    if name != spec.id.to_string() {
        return Err(format!("request {} got the response to {name}", spec.id));
    }
    let answer = Answer::of(profile, spec);
    if status != answer.status {
        return Err(format!(
            "request {}: {status}, sent {}",
            spec.id, answer.status
        ));
    }
    let content = answer.content();
    let is_whole = body.bytes == content;
    // Its backend ended it early, in a way that nobody can tell from its end. HALB itself breaks off with a reset.
    let is_short = ledger.shortened.contains(&spec.id);
    let is_part = is_short && content.starts_with(&body.bytes);
    if !is_whole && !is_part {
        return Err(differ(spec.id, &body.bytes, &content));
    }
    let trailers = match body.is_chunked() && matches!(answer.shape, Shape::Chunked(_)) {
        true => &answer.trailers.kept[..],
        false => &[],
    };
    if body.trailers != trailers {
        return Err(format!(
            "response {}: trailers {:?}, sent {trailers:?}",
            spec.id, body.trailers
        ));
    }
    fields(profile, spec, &answer, head)?;
    Ok(Outcome::Exact)
}

/// Checks a 101 that came for `spec`.
pub fn switched(profile: &Profile, spec: &Spec, head: &Head) -> Result<(), String> {
    let id = spec.id;
    let answer = Answer::of(profile, spec);
    if !answer.switches || head.one("x-sim")? != Some(&id.to_string()) {
        return Err(format!("request {id} got a 101 that is not its own"));
    }
    if head.one("upgrade")? != Some(PROTOCOL) || !head.connection("upgrade") {
        return Err(format!("request {id}: switched to nothing: {head:?}"));
    }
    fields(profile, spec, &answer, head)
}

/// Checks the first part of a response that was cut.
pub fn part(profile: &Profile, spec: &Spec, head: &Head, body: &Body) -> Result<(), String> {
    let Some(name) = head.one("x-sim")? else {
        return Ok(());
    };
    if name != spec.id.to_string() {
        return Err(format!("request {} got the response to {name}", spec.id));
    }
    let content = Answer::of(profile, spec).content();
    match content.starts_with(&body.bytes) {
        true => Ok(()),
        false => Err(differ(spec.id, &body.bytes, &content)),
    }
}

pub fn status_of(head: &Head) -> Result<u16, String> {
    let mut words = head.first.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    if version != "HTTP/1.1" {
        return Err(format!("a status line: {:?}", head.first));
    }
    words
        .next()
        .filter(|word| word.len() == 3)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| format!("a status line: {:?}", head.first))
}

fn own(spec: &Spec, head: &Head, body: &Body, status: u16) -> Result<Outcome, String> {
    if head.all("date").len() != 1 {
        return Err(format!("{status} of HALB's own without one Date"));
    }
    if spec.method == "HEAD" && !body.bytes.is_empty() {
        return Err(format!("{status} of HALB's own with a body, to HEAD"));
    }
    if body.is_until_close() {
        return Err(format!("{status} of HALB's own without a length"));
    }
    Ok(Outcome::Own(status))
}

fn fields(profile: &Profile, spec: &Spec, answer: &Answer, head: &Head) -> Result<(), String> {
    let ours = [
        "x-sim",
        "date",
        "connection",
        "content-length",
        "transfer-encoding",
        "via",
        "upgrade",
        "set-cookie",
        "cache-control",
    ];
    let rest: Vec<_> = head
        .fields
        .iter()
        .filter(|(name, _)| !ours.contains(&name.to_ascii_lowercase().as_str()))
        .cloned()
        .collect();
    if rest != answer.fields {
        return Err(format!(
            "response {}: fields {rest:?}, sent {:?}",
            spec.id, answer.fields
        ));
    }
    if !profile.plain && !answer.switches && head.all("date").len() != 1 {
        return Err(format!("response {}: not one Date", spec.id));
    }
    if let (Shape::Length(length), 200) = (answer.shape, answer.status)
        && head.one("content-length")? != Some(&length.to_string())
    {
        return Err(format!("response {}: another length", spec.id));
    }
    if spec.is_old && !head.all("transfer-encoding").is_empty() {
        return Err(format!(
            "response {}: a transfer coding to HTTP/1.0",
            spec.id
        ));
    }
    Ok(())
}

pub fn differ(id: u64, got: &[u8], sent: &[u8]) -> String {
    let at = got.iter().zip(sent).position(|(one, other)| one != other);
    let at = at.unwrap_or(got.len().min(sent.len()));
    format!(
        "body of {id}: {} bytes came, {} were sent; they part at {at}",
        got.len(),
        sent.len()
    )
}
