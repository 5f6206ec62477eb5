//! A response head has one answer: a prefix of it is not yet whole, or answered alike.
#![no_main]

use halb::http::field::Fields;
use halb::http::request::Method;
use halb::http::response::Asked;
use halb::http::response::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, bool, &[u8])| {
    let (cut, upgrade, bytes) = input;
    let asked = Asked {
        method: Method::Get,
        upgrade,
    };
    let mut fields = Fields::new();
    let early = parse(
        &bytes[..bytes.len().min(cut.into())],
        4096,
        asked,
        &mut fields,
    );
    let whole = parse(bytes, 4096, asked, &mut fields);
    assert!(early == Ok(None) || early == whole);
});
