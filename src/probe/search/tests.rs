use proptest::prelude::*;

use super::*;

/// What all ways of searching agree on.
fn found(pattern: &str, document: &[u8]) -> bool {
    let search = Search::new(pattern).expect("it compiles");
    let whole = search.in_whole(document).expect("few steps");
    if search.scan().is_some() {
        for split in 0..=document.len() {
            let mut scan = search.scan().expect("as before");
            let (one, two) = document.split_at(split);
            let early = search.on_bytes(&mut scan, one) || search.on_bytes(&mut scan, two);
            assert_eq!(early || search.on_end(scan), whole, "{pattern} at {split}");
        }
        let mut scan = search.scan().expect("as before");
        let early = document
            .chunks(1)
            .any(|byte| search.on_bytes(&mut scan, byte));
        assert_eq!(
            early || search.on_end(scan),
            whole,
            "{pattern} byte by byte"
        );
    }
    whole
}

#[test]
fn patterns_are_found_however_the_document_comes() {
    let table: &[(&str, &str, bool)] = &[
        ("ALL_SERVICES_ARE_OK", "<p>ALL_SERVICES_ARE_OK</p>\n", true),
        ("ALL_SERVICES_ARE_OK", "<p>ALL_SERVICES_ARE_KO</p>\n", false),
        ("(?i)ok|fine", "all is FINE", true),
        ("^OK", "OK", true),
        ("^OK", "\nOK", false),
        ("(?m)^OK$", "bad\nOK\nbad", true),
        ("a{2,3}b", "xaab", true),
        ("a.c", "a\nc", false),
        ("(?s)a.c", "a\nc", true),
        (r"\d+ ok", "12 ok", true),
        ("é+", "caféé", true),
        ("^$", "", true),
        ("^$", "\n", true),
        ("", "", true),
        ("", "anything", true),
    ];
    for (pattern, document, expected) in table {
        assert_eq!(
            found(pattern, document.as_bytes()),
            *expected,
            "{pattern} in {document:?}"
        );
    }
}

#[test]
fn a_dollar_stands_before_a_newline_at_the_end_as_in_perl() {
    for (pattern, document, expected) in [
        ("OK$", "OK", true),
        ("OK$", "OK\n", true),
        ("OK$", "OK\n\n", false),
        ("OK$", "OK\nx", false),
        (r"OK\z", "OK", true),
        (r"OK\z", "OK\n", false),
        (r"OK\\z", "OK\\z\n", true),
        ("(?m)OK$", "OK\n\n", true),
        // The engine for whole documents.
        (r"(?<!NOT )OK$", "OK\n", true),
        (r"(?<!NOT )OK$", "NOT OK\n", false),
        (r"(?<!NOT )OK$", "OK\n\n", false),
        (r"(?<!NOT )OK\z", "OK\n", false),
    ] {
        assert_eq!(
            found(pattern, document.as_bytes()),
            expected,
            "{pattern} in {document:?}"
        );
    }
}

#[test]
fn documents_are_bytes() {
    assert!(found("OK", b"\xff\xe9\x00OK"));
    assert!(!found("a.b", b"a\xffb"), "that is no letter");
    assert!(found(r"caf\xe9", "café".as_bytes()), "letters are UTF-8");
    assert!(found(r"(?<=\()\w+", "\u{fe} (é)".as_bytes()));
}

#[test]
fn only_what_needs_the_whole_document_waits_for_it() {
    let stepped = |pattern| Search::new(pattern).expect("it compiles").scan().is_some();
    for pattern in [
        "OK", "a|b", "(a)(b)*", "a*?b", "[^a-z]", r"\w\d\s", "(?i)é", "^a$", "a.b",
    ] {
        assert!(stepped(pattern), "{pattern}");
    }
    for pattern in ["a(?=b)", r"(a)\1", r"\bOK\b", "(?>a)b", "a++b", r"a\Kb"] {
        assert!(!stepped(pattern), "{pattern}");
    }
}

#[test]
fn steps_are_bounded() {
    let search = Search::new(r"(x+x+)+(?=y)\b").expect("it compiles");
    assert_eq!(search.in_whole(&[b'x'; 64]), Err(TooManySteps));
    assert!(Search::new("(").is_err());
}

#[test]
fn a_large_document_needs_little_memory() {
    let search = Search::new(r"[ab]{0,40}a[ab]{12}c\d").expect("it compiles");
    let mut scan = search.scan().expect("a regular one");
    let document: Vec<u8> = (0_u32..300_000)
        .map(|n| b"ab"[(n.wrapping_mul(2_654_435_761) >> 31) as usize])
        .collect();
    for piece in document.chunks(4096) {
        assert!(!search.on_bytes(&mut scan, piece));
    }
    assert!(scan.cache.memory_usage() <= 2 * CACHE_BYTES);
    assert!(search.on_bytes(&mut scan, b"abbbbbbbbbbbbc7 "));
}

proptest! {
    /// The stepped automaton and the checking engine agree.
    #[test]
    fn both_engines_mean_the_same(pattern in "[ab.]{0,3}(\\|[ab]{1,2}|[*+?]|\\(a\\|b\\)\\+)?[ab$]?", document in "[ab\n]{0,8}") {
        prop_assume!(!pattern.starts_with(['*', '+', '?']));
        let search = Search::new(&pattern).expect("it compiles");
        let perl = pattern.replace('$', r"(?=\n?\z)");
        let regex = crate::model::pattern::compile(&perl).expect("it compiles");
        let expected = regex.is_match(document.as_bytes()).expect("few steps");
        prop_assert!(search.scan().is_some());
        prop_assert_eq!(found(&pattern, document.as_bytes()), expected);
    }
}
