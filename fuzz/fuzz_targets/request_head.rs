//! A request head has one answer: a prefix of it is not yet whole, or answered alike.
#![no_main]

use halb::http::field::Fields;
use halb::http::request::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let mut fields = Fields::new();
    let early = parse(&bytes[..bytes.len().min(cut.into())], 4096, &mut fields);
    let whole = parse(bytes, 4096, &mut fields);
    assert!(early == Ok(None) || early == whole);
});
