//! The fields HALB acts on, and which of them concern one connection only.

/// The fields HALB acts on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Known {
    #[default]
    Other,
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    KeepAlive,
    ProxyConnection,
    Te,
    Trailer,
    Upgrade,
    Http2Settings,
    Expect,
    Date,
    Via,
    MaxForwards,
    XForwardedFor,
    XForwardedProto,
    XForwardedHost,
    Cookie,
    SetCookie,
    CacheControl,
}

impl Known {
    /// Concerns one connection only, whether Connection names it or not (RFC 9110 §7.6.1; for HTTP2-Settings
    /// RFC 7540 §3.2.1).
    pub(crate) fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Known::Connection
                | Known::KeepAlive
                | Known::ProxyConnection
                | Known::Te
                | Known::Upgrade
                | Known::Http2Settings
        )
    }

    /// Connection cannot take it away: it decides where the message goes or where it ends, or we answer for it.
    /// (RFC 9110 §7.6.1 forbids senders to name fields that are meant for all recipients.)
    pub(crate) fn is_protected(self) -> bool {
        matches!(
            self,
            Known::Host
                | Known::ContentLength
                | Known::TransferEncoding
                | Known::Expect
                | Known::Date
                | Known::Via
                | Known::MaxForwards
                | Known::XForwardedFor
                | Known::XForwardedProto
                | Known::XForwardedHost
        )
    }

    pub(crate) fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Which field `name` is. The length leaves at most three to compare with.
pub(crate) fn recognise(name: &[u8]) -> Known {
    let candidates: &[(&[u8], Known)] = match name.len() {
        2 => &[(b"te", Known::Te)],
        3 => &[(b"via", Known::Via)],
        4 => &[(b"host", Known::Host), (b"date", Known::Date)],
        6 => &[(b"cookie", Known::Cookie), (b"expect", Known::Expect)],
        7 => &[(b"upgrade", Known::Upgrade), (b"trailer", Known::Trailer)],
        10 => &[
            (b"connection", Known::Connection),
            (b"keep-alive", Known::KeepAlive),
            (b"set-cookie", Known::SetCookie),
        ],
        12 => &[(b"max-forwards", Known::MaxForwards)],
        13 => &[(b"cache-control", Known::CacheControl)],
        14 => &[
            (b"content-length", Known::ContentLength),
            (b"http2-settings", Known::Http2Settings),
        ],
        15 => &[(b"x-forwarded-for", Known::XForwardedFor)],
        16 => &[
            (b"proxy-connection", Known::ProxyConnection),
            (b"x-forwarded-host", Known::XForwardedHost),
        ],
        17 => &[
            (b"transfer-encoding", Known::TransferEncoding),
            (b"x-forwarded-proto", Known::XForwardedProto),
        ],
        _ => &[],
    };
    let found = candidates
        .iter()
        .find(|(text, _)| name.eq_ignore_ascii_case(text));
    found.map_or(Known::Other, |(_, known)| *known)
}
