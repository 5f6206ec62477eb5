//! The runner has to be able to fail: each of these cases is wrong in one place.

use crate::files::play_text;

/// A sound exchange, in the middle of which something is put.
fn exchange(before: &str, seen: &str, after: &str) -> String {
    format!(
        "set forwarded = false\n\
         == A case (RFC 9110).\n{before}\
         client sends\n  | GET / HTTP/1.1\n  | Host: a\n  |\n\
         out1 sees\n  | GET / HTTP/1.1\n  | Host: a\n  |\n\
         out1 sends\n  | HTTP/1.1 200 OK\n  | Content-Length: 2\n  |\n  | ok\\\n\
         client sees\n  | HTTP/1.1 200 OK\n  | Content-Length: 2\n  | Date: {{date}}\n  |\n{seen}{after}"
    )
}

fn fault_in(text: &str) -> String {
    let faults = play_text(text, "");
    assert_eq!(faults.len(), 1, "{text}\n{faults:?}");
    faults.concat()
}

#[test]
fn a_sound_case_passes() {
    assert_eq!(play_text(&exchange("", "  | ok\\\n", ""), ""), [""; 0]);
}

#[test]
fn a_wrong_byte_is_shown_beside_what_was_expected() {
    let fault = fault_in(&exchange("", "  | no\\\n", ""));
    assert!(
        fault.starts_with("\"A case (RFC 9110).\" (as written)\nline 16: expected\n"),
        "{fault}"
    );
    assert!(
        fault.contains("\n  | Date: {date}\n  |\n  | no\\\nseen\n"),
        "{fault}"
    );
    assert!(
        fault.ends_with("\n  | Date: {date}\n  |\n  | ok\\\nand nothing more"),
        "{fault}"
    );
}

#[test]
fn a_byte_that_nobody_expected_is_found_at_the_end() {
    let fault = fault_in(&exchange("", "  | o\\\n", ""));
    assert!(
        fault.contains("at the end of client/1: expected nothing more"),
        "{fault}"
    );
    assert!(fault.contains("seen\n  | k\\\n"), "{fault}");
}

#[test]
fn a_byte_too_few_is_found_at_the_end_of_the_stream() {
    let after = "client ends\nclient sees\n  | more\n";
    let fault = fault_in(&exchange("", "  | ok\\\n", after));
    assert!(fault.contains("and then the end of the stream"), "{fault}");
}

#[test]
fn an_end_that_is_none_is_found() {
    let after = "client sees the end\n";
    let fault = fault_in(&exchange("", "  | o\\\n", after));
    assert!(
        fault.contains("line 22: expected [End]\nseen\n  | k\\"),
        "{fault}"
    );
    let fault = fault_in(&exchange(
        "",
        "  | ok\\\n",
        "client ends\nclient sees a reset\n",
    ));
    assert!(fault.contains("expected [Reset], seen End"), "{fault}");
}

#[test]
fn a_connection_too_many_is_found() {
    let text = "set forwarded = false\n== A case.\n\
         client sends\n  | GET /1 HTTP/1.1\n  | Host: a\n  |\n\
         client/2 sends\n  | GET /2 HTTP/1.1\n  | Host: a\n  |\n\
         out1 sees\n  | GET /1 HTTP/1.1\n  | Host: a\n  |\n\
         out1 sends\n  | HTTP/1.1 204 No Content\n  |\n\
         client sees\n  | HTTP/1.1 204 No Content\n  | Date: {date}\n  |\n\
         client/2 resets\n";
    let fault = fault_in(text);
    assert!(fault.contains("out1 got a connection too many"), "{fault}");
}

#[test]
fn what_comes_too_early_is_found() {
    let before = "client/2 sends\n  | GET /2 HTTP/1.1\n  | Host: a\n  |\n\
        out1 sees\n  | GET /2 HTTP/1.1\nout1 sees nothing\n";
    let fault = fault_in(&exchange(before, "  | ok\\\n", ""));
    assert!(
        fault.contains("expected nothing\nseen\n  | Host: a\n"),
        "{fault}"
    );
}
