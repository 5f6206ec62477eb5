use super::*;

#[test]
fn every_result_has_its_sentence() {
    let asked = || "GET /health_check.php".to_owned();
    let table = [
        (
            Outcome::Good(Good::Connected),
            "connected",
            "connected after 3 ms",
        ),
        (
            Outcome::Good(Good::Answered(200, asked())),
            "HTTP 200 to GET /health_check.php",
            "HTTP 200 to GET /health_check.php after 3 ms",
        ),
        (
            Outcome::Bad(Failure::Status(500, asked())),
            "HTTP 500 to GET /health_check.php",
            "HTTP 500 to GET /health_check.php after 3 ms",
        ),
        (
            Outcome::Unknown("too many open files".to_owned()),
            "no probe could be made: too many open files",
            "no probe could be made: too many open files",
        ),
    ];
    for (outcome, short, long) in table {
        assert_eq!(outcome.to_string(), short);
        assert_eq!(outcome.with_time(Duration::from_micros(3_400)), long);
    }
}

#[test]
fn every_failure_has_its_sentence() {
    let limit = Duration::from_secs(5);
    let failures = [
        (
            Failure::Unresolved("web2".to_owned()),
            "the name web2 does not resolve",
        ),
        (Failure::Refused, "connection refused"),
        (
            Failure::Unreachable("no route to host".to_owned()),
            "no route to host",
        ),
        (Failure::ConnectTimeout(limit), "no connection within 5 s"),
        (Failure::Silent(limit), "no answer within 5 s"),
        (
            Failure::Slow(limit),
            "the answer was not complete within 5 s",
        ),
        (
            Failure::Closed,
            "the connection was closed without an answer",
        ),
        (Failure::Reset, "connection reset"),
        (
            Failure::NotHttp("the answer is not HTTP"),
            "the answer is not HTTP",
        ),
        (Failure::BrokenOff(1), "the document broke off after 1 byte"),
        (
            Failure::NotFound("OK".to_owned(), 1_234, false),
            "OK not found in 1,234 bytes",
        ),
        (
            Failure::NotFound("OK".to_owned(), 1_048_576, true),
            "OK not found in the first 1,048,576 bytes",
        ),
        (
            Failure::TooManySteps("(x+)+y".to_owned()),
            "the search for (x+)+y was given up: too many steps",
        ),
    ];
    for (failure, sentence) in failures {
        assert_eq!(failure.to_string(), sentence);
        let outcome = Outcome::Bad(failure);
        assert_eq!(outcome.with_time(limit), sentence, "time adds nothing");
        assert!(!outcome.is_good());
    }
}

#[test]
fn lengths_are_as_exact_as_they_need_be() {
    for (micros, text) in [
        (0, "0.0 ms"),
        (450, "0.4 ms"),
        (3_999, "3 ms"),
        (999_999, "999 ms"),
        (1_000_000, "1 s"),
        (1_250_000, "1.2 s"),
        (20_000_000, "20 s"),
    ] {
        assert_eq!(Length(Duration::from_micros(micros)).to_string(), text);
    }
}

#[test]
fn digits_are_grouped() {
    for (bytes, text) in [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1,000 bytes"),
        (12_345_678, "12,345,678 bytes"),
    ] {
        assert_eq!(Bytes(bytes).to_string(), text);
    }
}

#[test]
fn a_long_pattern_is_cut_where_a_letter_ends() {
    assert_eq!(shown("ALL_SERVICES_ARE_OK"), "ALL_SERVICES_ARE_OK");
    let long = shown(&"é".repeat(61));
    assert_eq!(long.chars().count(), PATTERN_LETTERS_MAX);
    assert!(long.ends_with("é…"));
}
