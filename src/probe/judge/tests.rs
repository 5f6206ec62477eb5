use proptest::prelude::*;

use super::*;
use crate::http::request::Method;
use crate::probe::reason::Outcome;

fn question(method: Method, pattern: &str) -> HttpQuestion {
    HttpQuestion {
        bytes: Vec::new(),
        method,
        asked: "GET /up".to_owned(),
        head_bytes_max: 256,
        search: (!pattern.is_empty()).then(|| Search::new(pattern).expect("it compiles")),
    }
}

/// How a connection ends behind its bytes.
#[derive(Clone, Copy)]
enum Behind {
    Nothing,
    End,
    Loss,
}

/// The sentence that comes of an answer, which may take all of it or not; `…` while it is not decided.
fn play(question: &HttpQuestion, pieces: &[&[u8]], behind: Behind) -> String {
    let mut judge = Judge::new(question);
    let mut verdict = Verdict::More;
    for piece in pieces {
        verdict = judge.on_bytes(piece);
        if !matches!(verdict, Verdict::More) {
            break;
        }
    }
    if matches!(verdict, Verdict::More) {
        verdict = match behind {
            Behind::Nothing => Verdict::More,
            Behind::End => judge.on_end(),
            Behind::Loss => judge.on_loss(),
        };
    }
    if let Verdict::Search(document) = verdict {
        verdict = document.search(question);
    }
    match verdict {
        Verdict::More => "…".to_owned(),
        Verdict::Good(good) => Outcome::Good(good).to_string(),
        Verdict::Bad(failure) => Outcome::Bad(failure).to_string(),
        Verdict::Search(_) => panic!("a search ends"),
    }
}

/// The same for the answer whole, split at every byte, and byte by byte.
fn judged(question: &HttpQuestion, answer: &[u8], behind: Behind) -> String {
    let whole = play(question, &[answer], behind);
    for at in 0..=answer.len() {
        let (one, two) = answer.split_at(at);
        assert_eq!(play(question, &[one, two], behind), whole, "split at {at}");
    }
    let bytes: Vec<&[u8]> = answer.chunks(1).collect();
    assert_eq!(play(question, &bytes, behind), whole, "byte by byte");
    whole
}

#[test]
fn a_status_decides_without_a_pattern() {
    for method in [Method::Head, Method::Get] {
        let question = question(method, "");
        for (answer, sentence) in [
            ("HTTP/1.1 200 OK\r\n\r\n", "HTTP 200 to GET /up"),
            (
                "HTTP/1.0 204 No Content\r\nServer: x\r\n\r\n",
                "HTTP 204 to GET /up",
            ),
            (
                "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
                "HTTP 302 to GET /up",
            ),
            (
                "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n",
                "HTTP 404 to GET /up",
            ),
            (
                "HTTP/1.1 500 Internal Server Error\r\n\r\n",
                "HTTP 500 to GET /up",
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
                "HTTP 200 to GET /up",
            ),
            (
                "HTTP/1.1 103 Early\r\nLink: <x>\r\n\r\nHTTP/1.1 503 No\r\n\r\n",
                "HTTP 503 to GET /up",
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", "…"),
        ] {
            assert_eq!(
                judged(&question, answer.as_bytes(), Behind::Nothing),
                sentence,
                "{answer}"
            );
        }
    }
}

#[test]
fn what_is_no_answer_has_its_reason() {
    let question = question(Method::Get, "");
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(300));
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(20);
    for (answer, behind, sentence) in [
        ("SSH-2.0-x\r\n", Behind::Nothing, "the answer is not HTTP"),
        (
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            Behind::Nothing,
            "a field line of the answer is malformed",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            Behind::Nothing,
            "the answer says in more than one way, or wrongly, how long it is",
        ),
        (
            &long,
            Behind::Nothing,
            "the answer's head is longer than max_head_bytes",
        ),
        (&endless, Behind::Nothing, "interim answers without end"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            Behind::Nothing,
            "the answer switches protocols, which was not asked for",
        ),
        (
            "",
            Behind::End,
            "the connection was closed without an answer",
        ),
        ("", Behind::Loss, "connection reset"),
        (
            "HTTP/1.1 200",
            Behind::End,
            "the answer broke off within its head",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\n",
            Behind::End,
            "the answer broke off within its head",
        ),
    ] {
        assert_eq!(
            judged(&question, answer.as_bytes(), behind),
            sentence,
            "{answer}"
        );
    }
}

/// Every framing, with a pattern for each engine.
#[test]
fn a_pattern_is_found_in_every_framing() {
    for pattern in ["ALL_.*_OK", "ALL_(?=SERVICES).*_OK"] {
        let question = question(Method::Get, pattern);
        let found = "HTTP 200 to GET /up".to_owned();
        let missing = format!("{pattern} not found in 19 bytes");
        for (word, sentence) in [
            ("ALL_SERVICES_ARE_OK", &found),
            ("ALL_SERVICES_ARE_KO", &missing),
        ] {
            let length = format!("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{word}");
            let close = format!("HTTP/1.0 200 OK\r\n\r\n{word}");
            let (one, two) = word.split_at(7);
            let chunked = format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7;x=y\r\n{one}\r\nC\r\n{two}\r\n0\r\nX-Sum: 1\r\n\r\n"
            );
            for answer in [&length, &chunked] {
                let got = judged(&question, answer.as_bytes(), Behind::Nothing);
                assert_eq!(&got, sentence, "{answer}");
            }
            assert_eq!(&judged(&question, close.as_bytes(), Behind::End), sentence);
        }
    }
}

#[test]
fn an_answer_without_a_document_has_an_empty_one() {
    for (pattern, sentence) in [
        ("OK", "OK not found in 0 bytes"),
        ("^$", "HTTP 304 to GET /up"),
    ] {
        let question = question(Method::Get, pattern);
        let answer = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(judged(&question, answer, Behind::Nothing), sentence);
    }
}

#[test]
fn a_document_that_breaks_off_counts_only_with_what_was_found() {
    let length = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nALL OK so far";
    let close = b"HTTP/1.0 200 OK\r\n\r\nALL OK so far";
    for (pattern, sentence) in [
        ("ALL OK", "HTTP 200 to GET /up"),
        ("(?<=ALL) OK", "HTTP 200 to GET /up"),
        ("SERVICES", "the document broke off after 13 bytes"),
        ("(?<=ALL) KO", "the document broke off after 13 bytes"),
        ("far$", "the document broke off after 13 bytes"),
    ] {
        let question = question(Method::Get, pattern);
        assert_eq!(
            judged(&question, length, Behind::End),
            sentence,
            "{pattern}"
        );
        assert_eq!(
            judged(&question, close, Behind::Loss),
            sentence,
            "{pattern}"
        );
    }
    let broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\rx";
    let question = question(Method::Get, "OK");
    let sentence = "the document's chunks are malformed";
    assert_eq!(judged(&question, broken, Behind::Nothing), sentence);
}

#[test]
fn what_was_found_ends_the_reading() {
    let question = question(Method::Get, "OK");
    let mut judge = Judge::new(&question);
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nall OK.";
    assert!(matches!(judge.on_bytes(begun), Verdict::Good(_)));
}

#[test]
fn a_mebibyte_of_a_document_is_read() {
    const MAX: usize = DOCUMENT_BYTES_MAX as usize;
    for pattern in ["NEEDLE$", "(?<!x)NEEDLE$"] {
        let question = question(Method::Get, pattern);
        for (fill, sentence) in [
            (MAX - 6, "HTTP 200 to GET /up".to_owned()),
            (
                MAX - 5,
                format!("{pattern} not found in the first 1,048,576 bytes"),
            ),
        ] {
            let document = [vec![b' '; fill], b"NEEDLE".to_vec()].concat();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                document.len()
            );
            let mut pieces = vec![head.as_bytes()];
            pieces.extend(document.chunks(10_007));
            assert_eq!(play(&question, &pieces, Behind::Nothing), sentence);
        }
    }
}

/// Pieces of answers, good and bad, of which any sequence may come.
const FRAGMENTS: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 302 Found\r\n",
    "HTTP/1.1 500 No\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "X: y\r\n",
    "\r\n",
    "5\r\nhello\r\n",
    "2;x=\"y\"\r\nOK\r\n",
    "ffffffffffffff\r\n",
    "0\r\n\r\n",
    "0\r\nX-Sum: 1\r\n\r\n",
    "O",
    "K",
    "\n",
    "\r",
    "\u{1}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever comes, in whatever pieces: the same verdict.
    #[test]
    fn no_answer_panics_or_is_judged_by_its_pieces(
        picks in proptest::collection::vec(0..FRAGMENTS.len(), 0..12),
        pattern in prop_oneof![Just(""), Just("OK"), Just("(?<=O)K$"), Just("^$")],
        ending in 0..3_usize,
        head_only in any::<bool>(),
    ) {
        let answer: String = picks.iter().map(|pick| FRAGMENTS[*pick]).collect();
        let method = if head_only { Method::Head } else { Method::Get };
        let behind = [Behind::Nothing, Behind::End, Behind::Loss][ending];
        judged(&question(method, pattern), answer.as_bytes(), behind);
    }
}
