use super::*;

use std::collections::HashSet;

/// Every way a session can end.
pub(crate) fn all() -> [Ending; Ending::COUNT] {
    number::ALL
}

#[test]
fn each_ending_has_a_number_and_a_word_of_its_own() {
    for (number, ending) in all().into_iter().enumerate() {
        assert_eq!(ending.number(), number, "{ending:?}");
        assert_eq!(REASONS[number], ending.reason(), "{ending:?}");
    }
}

#[test]
fn each_ending_has_a_word_of_its_own() {
    let mut words = HashSet::new();
    for ending in all() {
        let word = ending.reason();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(!word.is_empty() && word.bytes().all(plain), "{word}");
        assert!(words.insert(word), "{word} twice");
    }
}

#[test]
fn statuses_agree_with_whose_fault_it_was() {
    for ending in all() {
        let expected: &[Option<u16>] = match ending.fault() {
            Fault::Nobody => &[None, Some(200)],
            Fault::Client => &[
                None,
                Some(400),
                Some(405),
                Some(408),
                Some(414),
                Some(431),
                Some(501),
                Some(505),
            ],
            Fault::Output => &[Some(502), Some(503), Some(504)],
            Fault::Halb => &[Some(503)],
        };
        assert!(expected.contains(&ending.status()), "{ending:?}");
    }
}

#[test]
fn what_clients_are_told() {
    for (ending, status) in [
        (Ending::Answered, None),
        (Ending::ClientGone, None),
        (Ending::ClientStalled, None),
        (Ending::Shed, None),
        (Ending::Refused(Refusal::HostMissing), Some(400)),
        (Ending::Refused(Refusal::Method), Some(405)),
        (Ending::Refused(Refusal::TargetTooLong), Some(414)),
        (Ending::Refused(Refusal::HeadTooLong), Some(431)),
        (
            Ending::Refused(Refusal::Field(FieldFault::TooMany)),
            Some(431),
        ),
        (
            Ending::Refused(Refusal::Field(FieldFault::Folded)),
            Some(400),
        ),
        (
            Ending::Refused(Refusal::Framing(FramingFault::CodingUnknown)),
            Some(501),
        ),
        (
            Ending::Refused(Refusal::Framing(FramingFault::LengthAndCoding)),
            Some(400),
        ),
        (Ending::Refused(Refusal::Version), Some(505)),
        (Ending::RequestBody(BodyFault::MalformedChunk), Some(400)),
        (Ending::RequestTimeout, Some(408)),
        (Ending::BrokenResponse(Broken::StatusLine), Some(502)),
        (Ending::OutputGone, Some(502)),
        (Ending::NoOutput, Some(503)),
        (Ending::QueueTimeout, Some(503)),
        (Ending::ConnectFailed, Some(503)),
        (Ending::ConnectTimeout, Some(503)),
        (Ending::ServerTimeout, Some(504)),
        (Ending::NoBuffer, Some(503)),
        (Ending::NoDescriptor, Some(503)),
        (Ending::LastHop, Some(200)),
        (Ending::TunnelClosed, None),
        (Ending::TunnelIdle, None),
    ] {
        assert_eq!(ending.status(), status, "{ending:?}");
    }
}
