//! `log_format = "combined"`: as nginx and Apache write it.

use crate::control::access_log::line::Line;
use crate::control::access_log::text::Moment;
use crate::control::access_log::text::decimal;
use crate::control::access_log::text::display;
use crate::control::access_log::text::hexed;
use crate::plane::record::Text;

/// What nginx says of a client that left before it was answered.
const UNANSWERED: u16 = 499;

pub fn write(line: &Line<'_>, out: &mut Vec<u8>) {
    let record = &line.record;
    display(out, record.client);
    out.extend_from_slice(b" - - [");
    Moment::of(line.unix_us).put_common(out);
    out.extend_from_slice(b" +0000] \"");
    if line.is_request() || !line.texts.of(Text::Target).is_empty() {
        line.put_request(out, hexed);
    } else {
        out.push(b'-');
    }
    out.extend_from_slice(b"\" ");
    decimal(out, u64::from(record.status.unwrap_or(UNANSWERED)));
    out.push(b' ');
    decimal(out, record.bytes_out);
    for text in [Text::Referer, Text::UserAgent] {
        out.extend_from_slice(b" \"");
        if line.texts.of(text).is_empty() {
            out.push(b'-');
        } else {
            line.put_text(text, out, hexed);
        }
        out.push(b'"');
    }
}
