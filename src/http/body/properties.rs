//! What holds for every body, however it is chunked and wherever it is cut.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::http::body::BodyFault;
use crate::http::body::Framing;
use crate::http::body::Relay;
use crate::http::body::tests::pass;

/// A chunk as somebody may send it: data, extensions, leading zeros, case of the digits.
fn chunk() -> impl Strategy<Value = (Vec<u8>, &'static str, usize, bool)> {
    let extensions = select(vec!["", ";a", ";a=b", " ; a=\"x\\\"y\"", ";a=\"0\""]);
    (
        vec(any::<u8>(), 1..300),
        extensions,
        0..4usize,
        any::<bool>(),
    )
}

fn encode(chunks: &[(Vec<u8>, &str, usize, bool)], trailers: &[&str]) -> Vec<u8> {
    let mut coded = Vec::new();
    for (data, extension, zeros, upper) in chunks {
        coded.extend(b"0".repeat(*zeros));
        let size = if *upper {
            format!("{:X}", data.len())
        } else {
            format!("{:x}", data.len())
        };
        coded.extend(size.bytes().chain(extension.bytes()).chain(*b"\r\n"));
        coded.extend(data.iter().chain(b"\r\n"));
    }
    coded.extend(b"0\r\n");
    for trailer in trailers {
        coded.extend(trailer.bytes().chain(*b"\r\n"));
    }
    coded.extend(b"\r\n");
    coded
}

/// A second reader of the chunked coding, simple and sure of its input: data and trailer section.
fn decode(coded: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut data = Vec::new();
    let mut rest = coded;
    loop {
        let line_end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..line_end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[line_end + 2..];
        if size == 0 {
            return (data, rest.to_vec());
        }
        data.extend_from_slice(&rest[..size]);
        assert_eq!(&rest[size..size + 2], b"\r\n");
        rest = &rest[size + 2..];
    }
}

/// Bytes that look like chunks, more or less.
fn rough() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"5\r\nhello\r\n",
        b"1\r\nx\r\n",
        b"0\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"0",
        b"5",
        b"fffffffffffffff",
        b";a",
        b"=b",
        b"\"c\"",
        b" ",
        b"hello",
        b"A: 1\r\n",
        b"Host: b\r\n",
        b":",
        b"\\",
        b"0\r\n\r\n",
        b"\0",
        b"\xe9",
    ];
    vec(select(words), 0..24).prop_map(|words| words.concat())
}

fn run(to: Framing, input: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, usize, bool), BodyFault> {
    let mut relay = Relay::new(Framing::Chunked, to);
    let (output, consumed) = pass(&mut relay, input, |piece| cuts[piece % cuts.len()])?;
    Ok((output, consumed, relay.finished()))
}

proptest! {
    #[test]
    fn data_arrives_however_it_is_chunked_and_cut(
        chunks in vec(chunk(), 0..8),
        trailers in vec(select(vec!["A: 1", "Host: x", "Long-Name-Of-A-Field: value", "B:"]), 0..4),
        next in vec(any::<u8>(), 0..20),
        cuts in vec(1..400usize, 1..8),
    ) {
        let data: Vec<u8> = chunks.iter().flat_map(|(data, ..)| data).copied().collect();
        let mut input = encode(&chunks, &trailers);
        let length = input.len();
        input.extend(next);
        let kept: Vec<&str> = trailers.into_iter().filter(|line| *line != "Host: x").collect();
        let section: Vec<u8> = encode(&[], &kept)[3..].to_vec();
        for cuts in [cuts.as_slice(), &[1], &[1_000_000]] {
            let (output, consumed, finished) = run(Framing::Chunked, &input, cuts).unwrap();
            prop_assert_eq!(decode(&output), (data.clone(), section.clone()));
            prop_assert_eq!((consumed, finished), (length, true));
            let raw = run(Framing::UntilClose, &input, cuts).unwrap();
            prop_assert_eq!(raw, (data.clone(), length, true));
        }
    }

    #[test]
    fn what_is_wrong_is_wrong_however_it_is_cut(
        input in rough(),
        cuts in vec(1..12usize, 1..6),
    ) {
        let whole = run(Framing::UntilClose, &input, &[1_000_000]);
        prop_assert_eq!(&run(Framing::UntilClose, &input, &[1]), &whole);
        prop_assert_eq!(&run(Framing::UntilClose, &input, &cuts), &whole);
        // Re-chunked, the same bytes are accepted, and what comes out carries the same data.
        let again = run(Framing::Chunked, &input, &cuts);
        match (whole, again) {
            (Ok((data, consumed, true)), Ok((output, used, true))) => {
                prop_assert_eq!((decode(&output).0, used), (data, consumed));
            }
            (Ok((_, consumed, false)), Ok((_, used, false))) => prop_assert_eq!(consumed, used),
            (Err(whole), Err(again)) => prop_assert_eq!(whole, again),
            (whole, again) => prop_assert!(false, "{:?} but {:?}", whole, again),
        }
    }

    #[test]
    fn a_stream_becomes_chunks_that_carry_it(
        input in vec(any::<u8>(), 0..3000),
        cuts in vec(1..400usize, 1..8),
    ) {
        let mut relay = Relay::new(Framing::UntilClose, Framing::Chunked);
        let (mut output, consumed) = pass(&mut relay, &input, |piece| cuts[piece % cuts.len()]).unwrap();
        output.extend_from_slice(relay.end_of_stream().unwrap());
        prop_assert_eq!(consumed, input.len());
        prop_assert_eq!(decode(&output), (input, b"\r\n".to_vec()));
    }
}
