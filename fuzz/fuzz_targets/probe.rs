//! The answer to a probe is judged the same however it comes.
#![no_main]

use halb::http::request::Method;
use halb::probe::judge::Judge;
use halb::probe::judge::Verdict;
use halb::probe::question::HttpQuestion;
use halb::probe::search::Search;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    for pattern in ["OK$", "(?<!x)OK$"] {
        let question = HttpQuestion {
            bytes: Vec::new(),
            method: Method::Get,
            asked: "GET /".to_owned(),
            head_bytes_max: 256,
            search: Search::new(pattern).ok(),
        };
        let whole = judged(&question, bytes, usize::MAX);
        assert_eq!(judged(&question, bytes, cut.into()), whole);
    }
});

fn judged(question: &HttpQuestion, bytes: &[u8], cut: usize) -> String {
    let mut judge = Judge::new(question);
    let mut verdict = Verdict::More;
    for piece in bytes.chunks(cut.max(1)) {
        verdict = judge.on_bytes(piece);
        if !matches!(verdict, Verdict::More) {
            break;
        }
    }
    if matches!(verdict, Verdict::More) {
        verdict = judge.on_end();
    }
    if let Verdict::Search(document) = verdict {
        verdict = document.search(question);
    }
    format!("{verdict:?}")
}
