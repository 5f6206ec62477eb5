//! A chunked body carries the same data however it is cut, and what follows it is not touched.
#![no_main]

use halb::http::body::BodyFault;
use halb::http::body::Framing;
use halb::http::body::HEADROOM;
use halb::http::body::Relay;
use halb::http::body::TAILROOM;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let whole = pass(Framing::Chunked, Framing::UntilClose, bytes, usize::MAX);
    assert_eq!(
        pass(Framing::Chunked, Framing::UntilClose, bytes, cut.into()),
        whole
    );
    let again = pass(Framing::Chunked, Framing::Chunked, bytes, cut.into());
    let decoded =
        again.and_then(|coded| pass(Framing::Chunked, Framing::UntilClose, &coded, usize::MAX));
    assert_eq!(decoded, whole);
});

fn pass(from: Framing, to: Framing, bytes: &[u8], cut: usize) -> Result<Vec<u8>, BodyFault> {
    let mut relay = Relay::new(from, to);
    let (mut output, mut consumed, mut presented) = (Vec::new(), 0, 0);
    while presented < bytes.len() && !relay.finished() {
        presented = presented.saturating_add(cut.max(1)).min(bytes.len());
        let input = &bytes[consumed..presented];
        let mut buffer = [&[0; HEADROOM], input, &[0; TAILROOM]].concat();
        let piece = relay.piece(&mut buffer, HEADROOM..HEADROOM + input.len())?;
        let rest = HEADROOM + piece.consumed..HEADROOM + input.len();
        assert_eq!(buffer[rest], input[piece.consumed..]);
        output.extend_from_slice(&buffer[piece.output]);
        consumed += piece.consumed;
    }
    Ok(output)
}
