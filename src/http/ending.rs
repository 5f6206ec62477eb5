//! How a session ends: each way is one variant, and whose fault it was, what the client is answered and what
//! is counted follow from it here, in one place.

use crate::http::body::BodyFault;
use crate::http::response::Broken;

/// Why a request is refused before any output sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    BadRequest,
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
    /// HALB itself is stopping.
    Stopping,
}
