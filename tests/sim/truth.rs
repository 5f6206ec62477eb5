//! What a script's clients and backends sent, read strictly, against what arrived at the other side.
//!
//! - A backend gets requests that its client sent, each as that client's bytes say, and none that nobody sent.
//! - A client gets the responses that were given to its own requests, or HALB's own answers.
//! - What is not whole where it began is not whole where it arrives.

use std::collections::BTreeMap;

use crate::parse::Body;
use crate::parse::Framing;
use crate::parse::Head;
use crate::parse::take_head;
use crate::script::Peer;
use crate::script::Played;

/// One message, as far as it can be read.
struct Message {
    head: Head,
    body: Body,
    /// Where it ends in all that was sent.
    end: usize,
}

/// One connection to a backend: the requests that came over it and the responses to them.
#[derive(Default)]
struct Exchanges {
    requests: Vec<Message>,
    /// Whose each request is, by the address in it.
    clients: Vec<usize>,
    responses: Vec<Message>,
    interims: Vec<Head>,
    /// What was said to a request of which not even the head has come whole: whose that is, nobody can tell.
    early: Option<Message>,
    /// Behind these is no HTTP: what came, and what was said.
    tunnel: Option<(Vec<u8>, Vec<u8>)>,
}

/// Panics at whatever is not right.
pub fn judge(clients: &[Peer], backends: &[Peer]) -> Played {
    let asked: Vec<Vec<Message>> = clients.iter().map(|one| requests(&one.sent)).collect();
    let exchanges: Vec<Exchanges> = backends.iter().map(exchanges).collect();
    let mut counts = BTreeMap::new();
    let mut played = Played::default();
    // Whole ones first: they fit fewer of those that were sent than one that was cut off does.
    let arrived = exchanges.iter().flat_map(|one| {
        let requests = one.requests.iter().enumerate();
        requests.map(move |(index, request)| (one, index, request))
    });
    let (whole, parts): (Vec<_>, Vec<_>) =
        arrived.partition(|(_, _, request)| request.body.is_finished());
    for (one, index, request) in whole.into_iter().chain(parts) {
        let client = one.clients[index];
        let last = index + 1 == one.requests.len();
        let tunnel = one.tunnel.as_ref().filter(|_| last);
        let heard = tunnel.map(|(heard, _)| &heard[..]);
        let place = sent_by(
            &asked[client],
            &clients[client].sent,
            request,
            heard,
            |place| counts.get(&(client, place)).copied().unwrap_or(0),
        );
        let place = place.unwrap_or_else(|| panic!("client {client} never sent {}", told(request)));
        *counts.entry((client, place)).or_insert(0) += 1;
        played.requests += usize::from(request.body.is_finished());
    }
    for ((client, place), count) in counts {
        let once = method(&asked[client][place].head) == "POST";
        let most = if once { 1 } else { 3 };
        assert!(
            count <= most,
            "client {client}: {} arrived {count} times",
            told(&asked[client][place])
        );
    }
    for (client, peer) in clients.iter().enumerate() {
        played.responses += answers(client, peer, &asked[client], &exchanges);
    }
    played
}

/// The requests in what a client sent, as far as a strict reader would read.
fn requests(sent: &[u8]) -> Vec<Message> {
    let mut input = sent.to_vec();
    let mut list = Vec::new();
    loop {
        if input.starts_with(b"\r\n") {
            input.drain(..2); // one empty line may stand ahead of a request (RFC 9112 §2.2)
        }
        let Ok(Some(head)) = take_head(&mut input) else {
            return list;
        };
        let Ok(framing) = framing(&head, Framing::Length(0)) else {
            return list;
        };
        let mut body = Body::raw(framing);
        let sound = body.take(&mut input).is_ok();
        let goes_on = sound && body.is_finished();
        let end = sent.len() - input.len();
        list.push(Message { head, body, end });
        if !goes_on {
            return list;
        }
    }
}

/// What went over a connection to a backend, in turns.
fn exchanges(backend: &Peer) -> Exchanges {
    let mut heard = backend.heard.clone();
    let mut said = backend.sent.clone();
    let mut all = Exchanges::default();
    while let Some((head, body)) = sound(request(&mut heard), "a backend") {
        let (asked, switch) = (method(&head).to_string(), !head.all("upgrade").is_empty());
        let whole = body.is_finished();
        let cut = !whole && body.is_chunked(); // then what is left may be a part of a line
        all.clients.push(client_of(&head));
        let end = backend.heard.len() - heard.len();
        all.requests.push(Message { head, body, end });
        let Some(response) = respond(&mut all.interims, &mut said, &asked, backend) else {
            assert!(
                heard.is_empty() || cut,
                "to a backend: bytes behind what is not answered"
            );
            return all;
        };
        let switched = status(&response.head) == "101" && switch && whole;
        let goes_on = response.body.is_finished() && !response.body.is_until_close();
        all.responses.push(response);
        if switched {
            all.tunnel = Some((heard, said));
            return all;
        }
        if !whole || !goes_on {
            assert!(
                heard.is_empty() || cut,
                "to a backend: bytes behind an exchange that is not over"
            );
            return all;
        }
    }
    all.early = respond(&mut all.interims, &mut said, "", backend);
    all
}

/// The next request, as HALB wrote it.
fn request(heard: &mut Vec<u8>) -> Result<Option<(Head, Body)>, String> {
    let Some(head) = take_head(heard)? else {
        return Ok(None);
    };
    let mut body = Body::new(head.framing(Framing::Length(0))?);
    body.take(heard)?;
    Ok(Some((head, body)))
}

/// What HALB itself writes is sound.
fn sound<T>(read: Result<T, String>, whom: &str) -> T {
    read.unwrap_or_else(|fault| panic!("to {whom}: {fault}"))
}

/// Reads the response to the request read last, as far as it can be read.
fn respond(
    interims: &mut Vec<Head>,
    said: &mut Vec<u8>,
    asked: &str,
    backend: &Peer,
) -> Option<Message> {
    loop {
        let head = take_head(said).ok().flatten()?;
        if is_interim(&head) {
            interims.push(head);
            continue;
        }
        let framing = match is_bare(asked, &head) {
            true => Framing::Length(0),
            false => framing(&head, Framing::UntilClose).ok()?,
        };
        let mut body = Body::raw(framing);
        let sound = body.take(said).is_ok();
        if sound && backend.ended && said.is_empty() {
            body.end();
        }
        let end = backend.sent.len() - said.len();
        return Some(Message { head, body, end });
    }
}

fn is_interim(head: &Head) -> bool {
    status(head).starts_with('1') && status(head) != "101"
}

/// Whether the response has no body, whatever its fields say.
fn is_bare(asked: &str, head: &Head) -> bool {
    asked == "HEAD" || matches!(status(head), "101" | "204" | "304")
}

/// Which of a client's requests this is: the one that has arrived least often so far.
fn sent_by(
    asked: &[Message],
    sent: &[u8],
    request: &Message,
    tunnel: Option<&[u8]>,
    count: impl Fn(usize) -> usize,
) -> Option<usize> {
    let ours = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "max-forwards",
    ];
    let alike = |one: &Message| {
        let target = word(&one.head, 1);
        let absolute = target.contains("://");
        method(&one.head) == method(&request.head)
            && (target == word(&request.head, 1) || absolute)
            && are_from(&request.head, &one.head, &ours)
            && is_part(&request.body, &one.body)
            && tunnel.is_none_or(|heard| sent[one.end..].starts_with(heard))
    };
    let places = (0..asked.len()).filter(|place| alike(&asked[*place]));
    places.min_by_key(|place| count(*place))
}

/// Checks what a client got. How many responses of backends were among that.
fn answers(client: usize, peer: &Peer, asked: &[Message], exchanges: &[Exchanges]) -> usize {
    let mut input = peer.heard.clone();
    let mut asked = asked.iter();
    let mut from_backends = 0;
    while let Some(head) = sound(take_head(&mut input), "a client") {
        if is_interim(&head) {
            let known = is_known_interim(client, &head, exchanges);
            assert!(known, "client {client}: whose is {head:?}?");
            continue;
        }
        let asked = asked.next().map_or("", |one| method(&one.head));
        // A refusal before anything was asked has a body, also when a HEAD would have come.
        let early = is_own(&head) && head.connection("close");
        let framing = match is_bare(asked, &head) && !early {
            true => Framing::Length(0),
            false => sound(head.framing(Framing::UntilClose), "a client"),
        };
        let mut body = Body::new(framing);
        sound(body.take(&mut input), "a client");
        if peer.heard_end {
            body.end();
        }
        let tunnel = (status(&head) == "101").then(|| std::mem::take(&mut input));
        let response = Message { head, body, end: 0 };
        let given = is_given(client, &response, tunnel.as_deref(), exchanges);
        from_backends += usize::from(given);
        let sober = given || is_own(&response.head);
        assert!(sober, "client {client}: whose is {}?", told(&response));
        if !response.body.is_finished() || tunnel.is_some() {
            let whole = tunnel.is_some() || !response.body.is_chunked();
            assert!(
                !whole || input.is_empty(),
                "client {client}: bytes behind a part of a body"
            );
            return from_backends;
        }
    }
    from_backends
}

/// Whether a backend gave this to a request of the client's.
fn is_given(
    client: usize,
    response: &Message,
    tunnel: Option<&[u8]>,
    exchanges: &[Exchanges],
) -> bool {
    exchanges.iter().any(|one| {
        let early = one.early.as_ref();
        let early = early.is_some_and(|given| {
            is_alike(response, given) && { given.body.bytes.starts_with(&response.body.bytes) }
        });
        let pairs = one.clients.iter().zip(&one.responses).enumerate();
        let mut pairs = pairs.filter(|(_, (whose, _))| **whose == client);
        early
            || pairs.any(|(index, (_, given))| {
                let last = index + 1 == one.responses.len();
                let through = tunnel.is_none_or(|heard| {
                    let said = one.tunnel.as_ref().filter(|_| last);
                    said.is_some_and(|(_, said)| said.starts_with(heard))
                });
                is_alike(response, given) && is_part(&response.body, &given.body) && through
            })
    })
}

/// Whether this may be what became of a response's head.
fn is_alike(response: &Message, given: &Message) -> bool {
    let ours = ["date", "connection", "content-length", "transfer-encoding"];
    status(&given.head) == status(&response.head) && are_from(&response.head, &given.head, &ours)
}

fn is_known_interim(client: usize, head: &Head, exchanges: &[Exchanges]) -> bool {
    // All that the backend has read is answered: it spoke to a request that it has not read.
    let answered = |one: &Exchanges| one.responses.len() >= one.requests.len();
    let unread = |one: &Exchanges| answered(one) || one.early.is_some();
    let of_client = exchanges
        .iter()
        .filter(|one| unread(one) || one.clients.contains(&client));
    let mut interims = of_client.flat_map(|one| &one.interims);
    interims.any(|given| status(given) == status(head) && are_from(head, given, &[]))
}

/// HALB's own answers have a date and a length, and name nobody.
fn is_own(head: &Head) -> bool {
    let sober = head.all("date").len() == 1 && head.all("content-length").len() == 1;
    let known = [
        "200", "400", "405", "408", "414", "431", "501", "502", "503", "504", "505",
    ];
    sober && known.contains(&status(head))
}

/// Every field came with the original, but for those that are ours to write.
fn are_from(head: &Head, original: &Head, ours: &[&str]) -> bool {
    let kept = |name: &str| {
        let name = name.to_ascii_lowercase();
        name == "upgrade" || name.starts_with("x-forwarded-") || ours.contains(&name.as_str())
    };
    let mut fields = head.fields.iter().filter(|(name, _)| !kept(name));
    fields.all(|field| original.fields.contains(field))
}

/// What arrived is the whole of a whole, or the beginning of what there is.
fn is_part(body: &Body, original: &Body) -> bool {
    match body.is_finished() {
        true => original.is_finished() && body.bytes == original.bytes,
        false => original.bytes.starts_with(&body.bytes),
    }
}

/// How a head that nobody has read before delimits its body.
fn framing(head: &Head, otherwise: Framing) -> Result<Framing, String> {
    let words = |name| {
        let lines = head.all(name).into_iter();
        let words =
            lines.flat_map(|line| line.split(',').map(|word| word.trim_matches([' ', '\t'])));
        words.map(str::to_ascii_lowercase).collect::<Vec<_>>()
    };
    let (lengths, codings) = (words("content-length"), words("transfer-encoding"));
    let number = |word: &String| {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse::<usize>().ok().filter(|_| digits)
    };
    match (lengths.first(), &codings[..]) {
        (None, []) => Ok(otherwise),
        (None, [coding]) if coding == "chunked" => Ok(Framing::Chunked),
        (Some(first), []) => {
            let length = number(first);
            let same = lengths.iter().all(|word| number(word) == length);
            length
                .filter(|_| same)
                .map(Framing::Length)
                .ok_or("lengths".into())
        }
        _ => Err("codings".into()),
    }
}

/// Which client a request says it is from.
fn client_of(head: &Head) -> usize {
    let address = head.one("x-forwarded-for").ok().flatten();
    let number = address.and_then(|text| text.strip_prefix("192.0.2."));
    let number = number.and_then(|text| text.parse::<usize>().ok());
    number.unwrap_or_else(|| panic!("to a backend: from whom is {head:?}?")) - 1
}

fn method(head: &Head) -> &str {
    word(head, 0)
}

fn status(head: &Head) -> &str {
    word(head, 1)
}

fn word(head: &Head, index: usize) -> &str {
    head.first.split(' ').nth(index).unwrap_or_default()
}

fn told(message: &Message) -> String {
    let (head, body) = (&message.head, &message.body);
    format!(
        "{head:?} with {} bytes of body, whole {}",
        body.bytes.len(),
        body.is_finished()
    )
}
