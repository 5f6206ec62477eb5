//! How a session ends: each way is one variant, and whose fault it was, what the client is answered and what
//! is counted follow from it here, in one place.

mod number;
#[cfg(test)]
pub(crate) mod tests;

use crate::http::body::BodyFault;
use crate::http::body::FramingFault;
pub use crate::http::ending::number::FAULTS;
pub use crate::http::ending::number::REASONS;
use crate::http::field::FieldFault;
use crate::http::response::Broken;

/// Why a request is refused before any output sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A request line that is none.
    RequestLine,
    /// A request target in none of the forms a gateway serves, or with bytes that no target has.
    Target,
    /// The request line alone is longer than a head may be.
    TargetTooLong,
    /// A major version other than 1.
    Version,
    /// CONNECT or TRACE.
    Method,
    Field(FieldFault),
    HeadTooLong,
    /// HTTP/1.1 without Host.
    HostMissing,
    HostRepeated,
    HostInvalid,
    Framing(FramingFault),
}

/// How one session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The response was delivered whole.
    Answered,
    /// The request was not acceptable.
    Refused(Refusal),
    /// The request body was not.
    RequestBody(BodyFault),
    /// The client did not finish its request within `client_timeout`.
    RequestTimeout,
    /// The client closed or reset its connection before the response was delivered.
    ClientGone,
    /// The client did not take the response within `client_timeout`.
    ClientStalled,
    /// No output is available.
    NoOutput,
    /// No place came free within `queue_timeout`.
    QueueTimeout,
    /// No connection to an output could be established.
    ConnectFailed,
    /// Establishing it took longer than `conn_timeout`.
    ConnectTimeout,
    /// The output closed or reset the connection before its response began.
    OutputGone,
    /// The output's response is not acceptable.
    BrokenResponse(Broken),
    /// Its body is not, or it was cut short.
    ResponseBody(BodyFault),
    /// The output did not answer within `server_timeout`.
    ServerTimeout,
    /// No buffer was free to carry it.
    NoBuffer,
    /// Its client had kept a buffer for longest without moving when there were too few.
    Shed,
    /// No descriptor, or no memory of the kernel's, was free for a connection to an output.
    NoDescriptor,
    /// HALB itself is stopping.
    Stopping,
    /// The request may go no further than to HALB (`Max-Forwards: 0`), which answered it.
    LastHop,
    /// The protocols were switched, and both sides have closed.
    TunnelClosed,
    /// Nothing came either way within `tunnel_timeout`.
    TunnelIdle,
}

/// Whose fault an ending was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    Nobody,
    Client,
    Output,
    Halb,
}

impl Fault {
    /// A word for counters. These never change their meaning.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Nobody => "nobody",
            Fault::Client => "client",
            Fault::Output => "output",
            Fault::Halb => "halb",
        }
    }
}

impl Ending {
    /// Whose fault it was.
    pub const fn fault(self) -> Fault {
        match self {
            Ending::Answered | Ending::LastHop | Ending::TunnelClosed | Ending::TunnelIdle => {
                Fault::Nobody
            }
            Ending::Refused(_)
            | Ending::RequestBody(_)
            | Ending::RequestTimeout
            | Ending::ClientGone
            | Ending::ClientStalled
            | Ending::Shed => Fault::Client,
            Ending::NoOutput
            | Ending::QueueTimeout
            | Ending::ConnectFailed
            | Ending::ConnectTimeout
            | Ending::OutputGone
            | Ending::BrokenResponse(_)
            | Ending::ResponseBody(_)
            | Ending::ServerTimeout => Fault::Output,
            Ending::NoBuffer | Ending::NoDescriptor | Ending::Stopping => Fault::Halb,
        }
    }

    /// What the client is answered, as long as no response has begun; `None`: nothing, it got one or is not there.
    pub fn status(self) -> Option<u16> {
        match self {
            Ending::Answered
            | Ending::ClientGone
            | Ending::ClientStalled
            | Ending::Shed
            | Ending::TunnelClosed
            | Ending::TunnelIdle => None,
            Ending::LastHop => Some(200),
            Ending::Refused(refusal) => Some(refusal.status()),
            Ending::RequestBody(_) => Some(400),
            Ending::RequestTimeout => Some(408),
            Ending::OutputGone | Ending::BrokenResponse(_) | Ending::ResponseBody(_) => Some(502),
            // Nothing was sent to any output: the client may ask again (RFC 9110 §15.6.4).
            Ending::NoOutput
            | Ending::QueueTimeout
            | Ending::ConnectFailed
            | Ending::ConnectTimeout
            | Ending::NoBuffer
            | Ending::NoDescriptor
            | Ending::Stopping => Some(503),
            Ending::ServerTimeout => Some(504),
        }
    }

    /// A word for counters and logs. These never change their meaning.
    pub const fn reason(self) -> &'static str {
        match self {
            Ending::Answered => "answered",
            Ending::Refused(refusal) => refusal.reason(),
            Ending::RequestBody(BodyFault::MalformedChunk) => "request_chunk_malformed",
            Ending::RequestBody(BodyFault::MalformedTrailer) => "request_trailer_malformed",
            Ending::RequestBody(BodyFault::Truncated) => "request_truncated",
            Ending::RequestTimeout => "request_timeout",
            Ending::ClientGone => "client_gone",
            Ending::ClientStalled => "client_stalled",
            Ending::NoOutput => "no_output",
            Ending::QueueTimeout => "queue_timeout",
            Ending::ConnectFailed => "connect_failed",
            Ending::ConnectTimeout => "connect_timeout",
            Ending::OutputGone => "output_gone",
            Ending::BrokenResponse(broken) => broken_reason(broken),
            Ending::ResponseBody(BodyFault::MalformedChunk) => "response_chunk_malformed",
            Ending::ResponseBody(BodyFault::MalformedTrailer) => "response_trailer_malformed",
            Ending::ResponseBody(BodyFault::Truncated) => "response_truncated",
            Ending::ServerTimeout => "server_timeout",
            Ending::NoBuffer => "no_buffer",
            Ending::Shed => "shed",
            Ending::NoDescriptor => "no_descriptor",
            Ending::Stopping => "stopping",
            Ending::LastHop => "last_hop",
            Ending::TunnelClosed => "tunnel_closed",
            Ending::TunnelIdle => "tunnel_idle",
        }
    }
}

impl Refusal {
    fn status(self) -> u16 {
        match self {
            Refusal::RequestLine
            | Refusal::Target
            | Refusal::HostMissing
            | Refusal::HostRepeated
            | Refusal::HostInvalid
            | Refusal::Field(
                FieldFault::Name
                | FieldFault::Folded
                | FieldFault::Value
                | FieldFault::LineEnd
                | FieldFault::TooManyOptions,
            )
            | Refusal::Framing(
                FramingFault::LengthInvalid
                | FramingFault::LengthsDiffer
                | FramingFault::LengthAndCoding
                | FramingFault::CodingMalformed
                | FramingFault::CodingInOldVersion,
            ) => 400,
            Refusal::Method => 405,
            Refusal::TargetTooLong => 414,
            Refusal::HeadTooLong | Refusal::Field(FieldFault::TooMany) => 431,
            Refusal::Framing(FramingFault::CodingUnknown) => 501,
            Refusal::Version => 505,
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Refusal::RequestLine => "request_line_malformed",
            Refusal::Target => "target_malformed",
            Refusal::TargetTooLong => "target_too_long",
            Refusal::Version => "version_unsupported",
            Refusal::Method => "method_not_allowed",
            Refusal::Field(FieldFault::Name) => "field_name_malformed",
            Refusal::Field(FieldFault::Folded) => "field_folded",
            Refusal::Field(FieldFault::Value) => "field_value_malformed",
            Refusal::Field(FieldFault::LineEnd) => "line_end_malformed",
            Refusal::Field(FieldFault::TooMany) => "too_many_fields",
            Refusal::Field(FieldFault::TooManyOptions) => "too_many_connection_options",
            Refusal::HeadTooLong => "head_too_long",
            Refusal::HostMissing => "host_missing",
            Refusal::HostRepeated => "host_repeated",
            Refusal::HostInvalid => "host_invalid",
            Refusal::Framing(FramingFault::LengthInvalid) => "content_length_invalid",
            Refusal::Framing(FramingFault::LengthsDiffer) => "content_lengths_differ",
            Refusal::Framing(FramingFault::LengthAndCoding) => "length_and_coding",
            Refusal::Framing(FramingFault::CodingMalformed) => "transfer_coding_malformed",
            Refusal::Framing(FramingFault::CodingUnknown) => "transfer_coding_unknown",
            Refusal::Framing(FramingFault::CodingInOldVersion) => "transfer_coding_in_http_1_0",
        }
    }
}

const fn broken_reason(broken: Broken) -> &'static str {
    match broken {
        Broken::StatusLine => "response_status_line_malformed",
        Broken::Field(FieldFault::Name) => "response_field_name_malformed",
        Broken::Field(FieldFault::Folded) => "response_field_folded",
        Broken::Field(FieldFault::Value) => "response_field_value_malformed",
        Broken::Field(FieldFault::LineEnd) => "response_line_end_malformed",
        Broken::Field(FieldFault::TooMany) => "response_too_many_fields",
        Broken::Field(FieldFault::TooManyOptions) => "response_too_many_connection_options",
        Broken::Framing(FramingFault::LengthInvalid) => "response_content_length_invalid",
        Broken::Framing(FramingFault::LengthsDiffer) => "response_content_lengths_differ",
        Broken::Framing(FramingFault::LengthAndCoding) => "response_length_and_coding",
        Broken::Framing(FramingFault::CodingMalformed) => "response_transfer_coding_malformed",
        Broken::Framing(FramingFault::CodingUnknown) => "response_transfer_coding_unknown",
        Broken::Framing(FramingFault::CodingInOldVersion) => "response_transfer_coding_in_http_1_0",
        Broken::HeadTooLong => "response_head_too_long",
        Broken::SwitchUnasked => "response_switch_unasked",
    }
}
