use super::*;

/// Passes `input` through in pieces of at most `cut` bytes, and checks on the way that nothing is touched that must
/// not be. What went out, and how much was consumed.
pub(super) fn pass(
    relay: &mut Relay,
    input: &[u8],
    cut: impl Fn(usize) -> usize,
) -> Result<(Vec<u8>, usize), BodyFault> {
    let mut output = Vec::new();
    let mut consumed = 0;
    let mut presented = 0;
    let mut pieces = 0;
    while presented < input.len() && !relay.finished() {
        presented = (presented + cut(pieces).max(1)).min(input.len());
        pieces += 1;
        let piece = one_piece(relay, &input[consumed..presented])?;
        output.extend_from_slice(&piece.0);
        consumed += piece.1;
    }
    Ok((output, consumed))
}

const FILLER: u8 = 0xa5;

fn one_piece(relay: &mut Relay, input: &[u8]) -> Result<(Vec<u8>, usize), BodyFault> {
    const MARGIN: usize = 3;
    let start = MARGIN + HEADROOM;
    let end = start + input.len();
    let mut buffer = vec![FILLER; end + TAILROOM + MARGIN];
    buffer[start..end].copy_from_slice(input);
    let piece = relay.piece(&mut buffer, start..end)?;
    assert!(piece.consumed <= input.len(), "no more than there is");
    assert!(
        buffer[..MARGIN].iter().all(|byte| *byte == FILLER),
        "before the headroom"
    );
    let behind = &buffer[end + TAILROOM..];
    assert!(
        behind.iter().all(|byte| *byte == FILLER),
        "behind the tailroom"
    );
    if piece.consumed < input.len() {
        assert_eq!(
            buffer[start + piece.consumed..end],
            input[piece.consumed..],
            "not consumed"
        );
        assert!(
            buffer[end..].iter().all(|byte| *byte == FILLER),
            "behind what was not consumed"
        );
        assert!(
            piece.output.end <= start + piece.consumed,
            "sent of what was not consumed"
        );
    }
    Ok((buffer[piece.output].to_vec(), piece.consumed))
}

/// As the whole and byte by byte.
fn both_ways(from: Framing, to: Framing, input: &[u8]) -> [Result<(Vec<u8>, usize), BodyFault>; 2] {
    [usize::MAX / 2, 1].map(|cut| pass(&mut Relay::new(from, to), input, |_| cut))
}

#[track_caller]
fn rechunks(input: &[u8], output: &[u8]) {
    let mut relay = Relay::new(Framing::Chunked, Framing::Chunked);
    let got = pass(&mut relay, input, |_| usize::MAX / 2);
    let got = got.map(|(output, consumed)| (output.escape_ascii().to_string(), consumed));
    assert_eq!(got, Ok((output.escape_ascii().to_string(), input.len())));
    assert!(relay.finished());
    assert_eq!(relay.remaining(), Some(0));
    assert_eq!(relay.end_of_stream(), Ok(b"".as_slice()));
}

#[track_caller]
fn refused(input: &[u8], fault: BodyFault) {
    for (to, way) in [(Framing::Chunked, "again"), (Framing::UntilClose, "raw")] {
        for got in both_ways(Framing::Chunked, to, input) {
            assert_eq!(got, Err(fault), "{way}: {}", input.escape_ascii());
        }
    }
}

#[test]
fn chunks_become_one_chunk() {
    rechunks(b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n");
    rechunks(b"0\r\n\r\n", b"0\r\n\r\n");
    rechunks(
        b"1\r\nh\r\n3\r\nell\r\n1\r\no\r\n000\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
    );
    rechunks(
        b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
        b"14\r\n01234567890123456789\r\n0\r\n\r\n",
    );
    rechunks(
        b"e\r\n0\r\n\r\nGET / HTT\r\n0\r\n\r\n",
        b"e\r\n0\r\n\r\nGET / HTT\r\n0\r\n\r\n",
    );
}

#[test]
fn extensions_are_read_and_dropped() {
    for extension in [
        ";a",
        ";a=b",
        ";a=\"b c;d\"",
        ";a=\"b\\\"c\\\\\"",
        " ; a = b",
        "\t;\ta\t=\t\"\u{e9}\"\t;b",
        ";a;b;c=d;e",
        ";a=\"\"",
    ] {
        let input = format!("5{extension}\r\nhello\r\n0{extension}\r\n\r\n");
        rechunks(input.as_bytes(), b"5\r\nhello\r\n0\r\n\r\n");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    for size in [
        "",
        "g",
        "0x5",
        "5g",
        "5h",
        "0_5",
        "+5",
        "-5",
        " 5",
        "5 ",
        "5\t",
        "0 5",
        "5\0",
        "5\x0b",
        "5\u{a0}",
        "5\n",
        "5\r\r",
        "5;",
        "5; ",
        "5;=",
        "5;a=",
        "5;a b",
        "5;a=b c",
        "5;@[]",
        "5;a=\"b",
        "5;a=\"b\"c",
        "5;a\0b",
        "5;a\rb",
        "5;a=\"\r",
        "5;\n",
        "5;a=\"\x7f\"",
        "5;a=\"\\\n\"",
        "5;;",
        "5 a",
        "10000000000000005",
        "8000000000000005",
        "fffffffffffffffffffff",
        "0000000000000005",
    ] {
        let input = format!("{size}\r\nhello\r\n0\r\n\r\n");
        refused(input.as_bytes(), BodyFault::MalformedChunk);
    }
    for input in [
        b"5\r\nhello!!\r\n0\r\n\r\n".as_slice(),
        b"5\r\nhello0\r\n\r\n",
        b"7\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r0\r\n\r\n",
        b"5\r\nhello\r\n0\n\r\n",
        b"5\r\nhello\r\n0\r\r\n\r\n",
    ] {
        refused(input, BodyFault::MalformedChunk);
    }
}

#[test]
fn sizes_up_to_fifteen_digits_are_believed() {
    let mut relay = Relay::new(Framing::Chunked, Framing::UntilClose);
    let got = pass(&mut relay, b"fffffffffffffff\r\nhello", |_| 100);
    assert_eq!(got, Ok((b"hello".to_vec(), 22)));
    assert_eq!(relay.remaining(), None);
    assert_eq!(relay.end_of_stream(), Err(BodyFault::Truncated));
}

#[test]
fn extensions_have_a_bound_over_the_whole_body() {
    let chunk = |name: usize| format!("1;{}\r\nx\r\n", "e".repeat(name));
    let body = |rest: usize| format!("{}{}0\r\n\r\n", chunk(1023).repeat(15), chunk(rest));
    // The semicolon, the name, and the CR that ends them.
    assert!(
        both_ways(Framing::Chunked, Framing::Chunked, body(1007).as_bytes())
            .iter()
            .all(Result::is_ok)
    );
    refused(body(1008).as_bytes(), BodyFault::MalformedChunk);
}

#[test]
fn trailers_go_on_behind_the_last_chunk() {
    rechunks(
        b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nServer-Timing:  a ,b\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nServer-Timing:  a ,b\r\n\r\n",
    );
}

#[test]
fn dangerous_trailers_are_dropped() {
    rechunks(
        b"0\r\nContent-Length: 3\r\nA: 1\r\nhost: evil\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n\
          Content-Type: t\r\nB: 2\r\nConnection: close\r\nAuthorization: x\r\nX-Forwarded-For: y\r\n\r\n",
        b"0\r\nA: 1\r\nB: 2\r\n\r\n",
    );
}

#[test]
fn malformed_trailers_are_refused() {
    for trailer in [
        "garbage",
        "X(T: v",
        "X-T : v",
        "X-T: a\rb",
        "X-T: a\r\n b",
        " X-T: a",
        "X-T: v\n",
        "\n",
        "X-T: \0",
        "\rX",
        "GET /smuggled HTTP/1.1",
        ": v",
        "A: 1\r\nB",
    ] {
        let input = format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n");
        refused(input.as_bytes(), BodyFault::MalformedTrailer);
    }
}

#[test]
fn trailers_are_bounded() {
    let many = |count: usize| format!("0\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert!(
        both_ways(
            Framing::Chunked,
            Framing::Chunked,
            many(TRAILERS_MAX).as_bytes()
        )
        .iter()
        .all(Result::is_ok)
    );
    refused(
        many(TRAILERS_MAX + 1).as_bytes(),
        BodyFault::MalformedTrailer,
    );
    let long = |bytes: usize| format!("0\r\nA: b\r\nX: {}\r\n\r\n", "v".repeat(bytes - 11));
    assert!(
        both_ways(
            Framing::Chunked,
            Framing::Chunked,
            long(TRAILER_BYTES_MAX).as_bytes()
        )
        .iter()
        .all(Result::is_ok)
    );
    refused(
        long(TRAILER_BYTES_MAX + 1).as_bytes(),
        BodyFault::MalformedTrailer,
    );
    // Nobody has to wait for the end of a line that is too long already.
    let endless = format!("0\r\nX: {}", "v".repeat(TRAILER_BYTES_MAX));
    refused(endless.as_bytes(), BodyFault::MalformedTrailer);
}

#[test]
fn an_unfinished_trailer_line_is_presented_again() {
    let mut relay = Relay::new(Framing::Chunked, Framing::Chunked);
    assert_eq!(
        one_piece(&mut relay, b"2\r\nhi\r\n0\r\nA: 1\r\nB: "),
        Ok((b"2\r\nhi\r\n0\r\nA: 1\r\n".to_vec(), 16))
    );
    assert!(!relay.finished());
    assert_eq!(
        one_piece(&mut relay, b"B: 2\r\n\r"),
        Ok((b"B: 2\r\n".to_vec(), 6))
    );
    assert_eq!(one_piece(&mut relay, b"\r\nGET"), Ok((b"\r\n".to_vec(), 2)));
    assert!(relay.finished());
    assert_eq!(one_piece(&mut relay, b"GET"), Ok((b"".to_vec(), 0)));
}

#[test]
fn an_old_client_gets_the_data_alone() {
    let input = b"1\r\nh\r\n4;x\r\nello\r\n0\r\nT: 1\r\n\r\nnext";
    for got in both_ways(Framing::Chunked, Framing::UntilClose, input) {
        assert_eq!(got, Ok((b"hello".to_vec(), input.len() - 4)));
    }
}

#[test]
fn a_length_is_kept_to() {
    let framing = Framing::Length(5);
    for got in both_ways(framing, framing, b"helloGET") {
        assert_eq!(got, Ok((b"hello".to_vec(), 5)));
    }
    let mut relay = Relay::new(framing, framing);
    assert_eq!(one_piece(&mut relay, b"hel"), Ok((b"hel".to_vec(), 3)));
    assert_eq!(relay.remaining(), Some(2));
    assert_eq!(relay.end_of_stream(), Err(BodyFault::Truncated));
    assert_eq!(one_piece(&mut relay, b"loG"), Ok((b"lo".to_vec(), 2)));
    assert!(relay.finished());
    assert_eq!(relay.end_of_stream(), Ok(b"".as_slice()));
}

#[test]
fn no_body_is_over_at_once() {
    for framing in [Framing::None, Framing::Length(0)] {
        let mut relay = Relay::new(framing, framing);
        assert!(relay.finished());
        assert_eq!(one_piece(&mut relay, b"GET"), Ok((b"".to_vec(), 0)));
        assert_eq!(relay.end_of_stream(), Ok(b"".as_slice()));
    }
}

#[test]
fn to_the_end_of_the_stream() {
    let mut relay = Relay::new(Framing::UntilClose, Framing::UntilClose);
    assert_eq!(one_piece(&mut relay, b"hello"), Ok((b"hello".to_vec(), 5)));
    assert_eq!(relay.remaining(), None);
    assert!(!relay.finished());
    assert_eq!(relay.end_of_stream(), Ok(b"".as_slice()));
}

#[test]
fn to_the_end_of_the_stream_in_chunks() {
    let mut relay = Relay::new(Framing::UntilClose, Framing::Chunked);
    assert_eq!(
        one_piece(&mut relay, b"hello"),
        Ok((b"5\r\nhello\r\n".to_vec(), 5))
    );
    assert_eq!(one_piece(&mut relay, b""), Ok((b"".to_vec(), 0)));
    let sixteen = [b"10\r\n".as_slice(), &[b'x'; 16], b"\r\n"].concat();
    assert_eq!(one_piece(&mut relay, &[b'x'; 16]), Ok((sixteen, 16)));
    assert!(!relay.finished());
    assert_eq!(relay.end_of_stream(), Ok(b"0\r\n\r\n".as_slice()));
    assert!(relay.finished());
    assert_eq!(relay.end_of_stream(), Ok(b"".as_slice()));
}

#[test]
fn a_chunked_body_cut_anywhere_is_truncated() {
    let input = b"5\r\nhello\r\n0\r\nT: 1\r\n\r\n";
    for to in [Framing::Chunked, Framing::UntilClose] {
        for length in 0..input.len() {
            let mut relay = Relay::new(Framing::Chunked, to);
            assert!(pass(&mut relay, &input[..length], |_| 100).is_ok());
            assert_eq!(
                relay.end_of_stream(),
                Err(BodyFault::Truncated),
                "after {length}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "no body goes from")]
fn a_length_cannot_become_chunks() {
    let _relay = Relay::new(Framing::Length(5), Framing::Chunked);
}

#[test]
#[should_panic(expected = "room on both sides")]
fn room_is_needed() {
    let mut buffer = [0; 64];
    let _piece = Relay::new(Framing::UntilClose, Framing::Chunked).piece(&mut buffer, 15..20);
}
