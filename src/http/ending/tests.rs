use super::*;

use std::collections::HashSet;

const FIELD_FAULTS: [FieldFault; 6] = [
    FieldFault::Name,
    FieldFault::Folded,
    FieldFault::Value,
    FieldFault::LineEnd,
    FieldFault::TooMany,
    FieldFault::TooManyOptions,
];
const FRAMING_FAULTS: [FramingFault; 6] = [
    FramingFault::LengthInvalid,
    FramingFault::LengthsDiffer,
    FramingFault::LengthAndCoding,
    FramingFault::CodingMalformed,
    FramingFault::CodingUnknown,
    FramingFault::CodingInOldVersion,
];
const BODY_FAULTS: [BodyFault; 3] = [
    BodyFault::MalformedChunk,
    BodyFault::MalformedTrailer,
    BodyFault::Truncated,
];

/// Every way a session can end.
pub(crate) fn all() -> Vec<Ending> {
    let plain = [
        Ending::Answered,
        Ending::RequestTimeout,
        Ending::ClientGone,
        Ending::ClientStalled,
        Ending::NoOutput,
        Ending::QueueTimeout,
        Ending::ConnectFailed,
        Ending::ConnectTimeout,
        Ending::OutputGone,
        Ending::ServerTimeout,
        Ending::NoBuffer,
        Ending::NoDescriptor,
        Ending::Stopping,
    ];
    let refusals = [
        Refusal::RequestLine,
        Refusal::Target,
        Refusal::TargetTooLong,
        Refusal::Version,
        Refusal::Method,
        Refusal::HeadTooLong,
        Refusal::HostMissing,
        Refusal::HostRepeated,
        Refusal::HostInvalid,
    ];
    let refusals = refusals
        .into_iter()
        .chain(FIELD_FAULTS.map(Refusal::Field))
        .chain(FRAMING_FAULTS.map(Refusal::Framing));
    let broken = [
        Broken::StatusLine,
        Broken::HeadTooLong,
        Broken::SwitchUnasked,
    ]
    .into_iter()
    .chain(FIELD_FAULTS.map(Broken::Field))
    .chain(FRAMING_FAULTS.map(Broken::Framing));
    plain
        .into_iter()
        .chain(refusals.map(Ending::Refused))
        .chain(broken.map(Ending::BrokenResponse))
        .chain(BODY_FAULTS.map(Ending::RequestBody))
        .chain(BODY_FAULTS.map(Ending::ResponseBody))
        .collect()
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
            Fault::Nobody => &[None],
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
    ] {
        assert_eq!(ending.status(), status, "{ending:?}");
    }
}
