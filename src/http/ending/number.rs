//! A number for each way a session can end, for tables of counters.

use crate::http::body::BodyFault;
use crate::http::body::FramingFault;
use crate::http::ending::Ending;
use crate::http::ending::Fault;
use crate::http::ending::Refusal;
use crate::http::field::FieldFault;
use crate::http::response::Broken;

/// How many faults a field line, a declared framing and a body can have.
const FIELD_FAULTS: usize = 6;
const FRAMING_FAULTS: usize = 6;
const BODY_FAULTS: usize = 3;

/// Where the numbers of each group begin.
const REFUSALS: usize = 17;
const REFUSED_FIELDS: usize = REFUSALS + 9;
const REFUSED_FRAMINGS: usize = REFUSED_FIELDS + FIELD_FAULTS;
const BROKEN: usize = REFUSED_FRAMINGS + FRAMING_FAULTS;
const BROKEN_FIELDS: usize = BROKEN + 3;
const BROKEN_FRAMINGS: usize = BROKEN_FIELDS + FIELD_FAULTS;
const REQUEST_BODIES: usize = BROKEN_FRAMINGS + FRAMING_FAULTS;
const RESPONSE_BODIES: usize = REQUEST_BODIES + BODY_FAULTS;

/// [`Ending::reason`] by [`Ending::number`].
pub const REASONS: [&str; Ending::COUNT] = {
    let mut reasons = [""; Ending::COUNT];
    let mut number = 0;
    while number < Ending::COUNT {
        reasons[number] = ALL[number].reason();
        number += 1;
    }
    reasons
};

/// [`Ending::fault`] by [`Ending::number`].
pub const FAULTS: [Fault; Ending::COUNT] = {
    let mut faults = [Fault::Nobody; Ending::COUNT];
    let mut number = 0;
    while number < Ending::COUNT {
        faults[number] = ALL[number].fault();
        number += 1;
    }
    faults
};

impl Ending {
    /// How many there are.
    pub const COUNT: usize = RESPONSE_BODIES + BODY_FAULTS;

    /// The one with this number.
    pub fn from_number(number: usize) -> Option<Ending> {
        ALL.get(number).copied()
    }

    /// Below [`Ending::COUNT`], and no other's. It may differ from one version of HALB to the next.
    pub fn number(self) -> usize {
        match self {
            Ending::Answered => 0,
            Ending::RequestTimeout => 1,
            Ending::ClientGone => 2,
            Ending::ClientStalled => 3,
            Ending::NoOutput => 4,
            Ending::QueueTimeout => 5,
            Ending::ConnectFailed => 6,
            Ending::ConnectTimeout => 7,
            Ending::OutputGone => 8,
            Ending::ServerTimeout => 9,
            Ending::NoBuffer => 10,
            Ending::NoDescriptor => 11,
            Ending::Stopping => 12,
            Ending::LastHop => 13,
            Ending::TunnelClosed => 14,
            Ending::TunnelIdle => 15,
            Ending::Shed => 16,
            Ending::Refused(refusal) => refused(refusal),
            Ending::BrokenResponse(broken) => broken_response(broken),
            Ending::RequestBody(fault) => REQUEST_BODIES + body(fault),
            Ending::ResponseBody(fault) => RESPONSE_BODIES + body(fault),
        }
    }
}

fn refused(refusal: Refusal) -> usize {
    match refusal {
        Refusal::RequestLine => REFUSALS,
        Refusal::Target => REFUSALS + 1,
        Refusal::TargetTooLong => REFUSALS + 2,
        Refusal::Version => REFUSALS + 3,
        Refusal::Method => REFUSALS + 4,
        Refusal::HeadTooLong => REFUSALS + 5,
        Refusal::HostMissing => REFUSALS + 6,
        Refusal::HostRepeated => REFUSALS + 7,
        Refusal::HostInvalid => REFUSALS + 8,
        Refusal::Field(fault) => REFUSED_FIELDS + field(fault),
        Refusal::Framing(fault) => REFUSED_FRAMINGS + framing(fault),
    }
}

fn broken_response(broken: Broken) -> usize {
    match broken {
        Broken::StatusLine => BROKEN,
        Broken::HeadTooLong => BROKEN + 1,
        Broken::SwitchUnasked => BROKEN + 2,
        Broken::Field(fault) => BROKEN_FIELDS + field(fault),
        Broken::Framing(fault) => BROKEN_FRAMINGS + framing(fault),
    }
}

fn field(fault: FieldFault) -> usize {
    match fault {
        FieldFault::Name => 0,
        FieldFault::Folded => 1,
        FieldFault::Value => 2,
        FieldFault::LineEnd => 3,
        FieldFault::TooMany => 4,
        FieldFault::TooManyOptions => 5,
    }
}

fn framing(fault: FramingFault) -> usize {
    match fault {
        FramingFault::LengthInvalid => 0,
        FramingFault::LengthsDiffer => 1,
        FramingFault::LengthAndCoding => 2,
        FramingFault::CodingMalformed => 3,
        FramingFault::CodingUnknown => 4,
        FramingFault::CodingInOldVersion => 5,
    }
}

fn body(fault: BodyFault) -> usize {
    match fault {
        BodyFault::MalformedChunk => 0,
        BodyFault::MalformedTrailer => 1,
        BodyFault::Truncated => 2,
    }
}

/// Every ending, in the order of the numbers.
pub(super) const ALL: [Ending; Ending::COUNT] = [
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
    Ending::LastHop,
    Ending::TunnelClosed,
    Ending::TunnelIdle,
    Ending::Shed,
    Ending::Refused(Refusal::RequestLine),
    Ending::Refused(Refusal::Target),
    Ending::Refused(Refusal::TargetTooLong),
    Ending::Refused(Refusal::Version),
    Ending::Refused(Refusal::Method),
    Ending::Refused(Refusal::HeadTooLong),
    Ending::Refused(Refusal::HostMissing),
    Ending::Refused(Refusal::HostRepeated),
    Ending::Refused(Refusal::HostInvalid),
    Ending::Refused(Refusal::Field(FieldFault::Name)),
    Ending::Refused(Refusal::Field(FieldFault::Folded)),
    Ending::Refused(Refusal::Field(FieldFault::Value)),
    Ending::Refused(Refusal::Field(FieldFault::LineEnd)),
    Ending::Refused(Refusal::Field(FieldFault::TooMany)),
    Ending::Refused(Refusal::Field(FieldFault::TooManyOptions)),
    Ending::Refused(Refusal::Framing(FramingFault::LengthInvalid)),
    Ending::Refused(Refusal::Framing(FramingFault::LengthsDiffer)),
    Ending::Refused(Refusal::Framing(FramingFault::LengthAndCoding)),
    Ending::Refused(Refusal::Framing(FramingFault::CodingMalformed)),
    Ending::Refused(Refusal::Framing(FramingFault::CodingUnknown)),
    Ending::Refused(Refusal::Framing(FramingFault::CodingInOldVersion)),
    Ending::BrokenResponse(Broken::StatusLine),
    Ending::BrokenResponse(Broken::HeadTooLong),
    Ending::BrokenResponse(Broken::SwitchUnasked),
    Ending::BrokenResponse(Broken::Field(FieldFault::Name)),
    Ending::BrokenResponse(Broken::Field(FieldFault::Folded)),
    Ending::BrokenResponse(Broken::Field(FieldFault::Value)),
    Ending::BrokenResponse(Broken::Field(FieldFault::LineEnd)),
    Ending::BrokenResponse(Broken::Field(FieldFault::TooMany)),
    Ending::BrokenResponse(Broken::Field(FieldFault::TooManyOptions)),
    Ending::BrokenResponse(Broken::Framing(FramingFault::LengthInvalid)),
    Ending::BrokenResponse(Broken::Framing(FramingFault::LengthsDiffer)),
    Ending::BrokenResponse(Broken::Framing(FramingFault::LengthAndCoding)),
    Ending::BrokenResponse(Broken::Framing(FramingFault::CodingMalformed)),
    Ending::BrokenResponse(Broken::Framing(FramingFault::CodingUnknown)),
    Ending::BrokenResponse(Broken::Framing(FramingFault::CodingInOldVersion)),
    Ending::RequestBody(BodyFault::MalformedChunk),
    Ending::RequestBody(BodyFault::MalformedTrailer),
    Ending::RequestBody(BodyFault::Truncated),
    Ending::ResponseBody(BodyFault::MalformedChunk),
    Ending::ResponseBody(BodyFault::MalformedTrailer),
    Ending::ResponseBody(BodyFault::Truncated),
];
