//! What the generator asks of the origin, as it arrives. Whatever else arrives was changed on its way.

use memchr::memmem;

use crate::station::body::incoming::Incoming;
use crate::station::body::response::Value;
use crate::station::body::response::field;

/// A request head longer than this is not one of ours.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What is to be answered, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Request {
    pub body_bytes: u64,
    pub delay_ms: u64,
    pub chunked: bool,
    pub pace_bytes_s: u64,
    pub close: bool,
}

/// A request's head, and what follows it.
pub struct Head {
    pub request: Request,
    pub upload: Option<Incoming>,
    /// Length of the head.
    pub bytes: usize,
}

/// Not a request the generator made.
#[derive(Debug, PartialEq, Eq)]
pub struct NotOurs;

/// `Ok(None)`: the head is not whole yet.
pub fn parse(bytes: &[u8]) -> Result<Option<Head>, NotOurs> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX {
            Err(NotOurs)
        } else {
            Ok(None)
        };
    };
    let end = end + 4;
    let head = &bytes[..end];
    let (path, posts) = match (head.strip_prefix(b"GET /"), head.strip_prefix(b"POST /")) {
        (Some(path), _) => (path, false),
        (None, Some(path)) => (path, true),
        (None, None) => return Err(NotOurs),
    };
    let length = memchr::memchr(b' ', path).ok_or(NotOurs)?;
    let path = std::str::from_utf8(&path[..length]).map_err(|_| NotOurs)?;
    let (mut request, upload_bytes) = words(path)?;
    // Either spelling of the field's first letter; what the value may be is ours to know.
    request.close = memmem::find(head, b"onnection: close\r\n").is_some();
    let upload = match posts {
        true => Some(upload(head, upload_bytes)?),
        false if bytes.len() > end => return Err(NotOurs),
        false => None,
    };
    Ok(Some(Head {
        request,
        upload,
        bytes: end,
    }))
}

/// `128?delay=MS&chunked&pace=BYTES&upload=BYTES`, every word at will.
fn words(path: &str) -> Result<(Request, Option<u64>), NotOurs> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| NotOurs);
    let (body_bytes, query) = path.split_once('?').unwrap_or((path, ""));
    let mut request = Request {
        body_bytes: number(body_bytes)?,
        ..Request::default()
    };
    let mut upload = None;
    for word in query.split('&').filter(|word| !word.is_empty()) {
        match word.split_once('=') {
            None if word == "chunked" => request.chunked = true,
            Some(("delay", value)) => request.delay_ms = number(value)?,
            Some(("pace", value)) => request.pace_bytes_s = number(value)?,
            Some(("upload", value)) => upload = Some(number(value)?),
            None | Some(_) => return Err(NotOurs),
        }
    }
    Ok((request, upload))
}

fn upload(head: &[u8], wanted: Option<u64>) -> Result<Incoming, NotOurs> {
    let length = field(head, b"content-length:");
    let coding = field(head, b"transfer-encoding:");
    match (length, coding) {
        (Value::One(length), Value::None) => {
            let length = length.parse().map_err(|_| NotOurs)?;
            if wanted.is_some_and(|wanted| wanted != length) {
                return Err(NotOurs);
            }
            Ok(Incoming::of_length(length))
        }
        (Value::None, Value::One(coding)) if coding.eq_ignore_ascii_case("chunked") => {
            Ok(Incoming::chunked(wanted))
        }
        _ => Err(NotOurs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::order::Asked;

    fn request(text: &str) -> Result<Option<Request>, NotOurs> {
        let head = parse(text.as_bytes())?;
        Ok(head.map(|head| head.request))
    }

    fn plain(body_bytes: u64, close: bool) -> Request {
        Request {
            body_bytes,
            close,
            ..Request::default()
        }
    }

    #[test]
    fn requests_of_the_generator_are_understood() {
        let get = "GET /128 HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(request(get), Ok(Some(plain(128, false))));
        let closing = "GET /0 HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\n";
        assert_eq!(request(closing), Ok(Some(plain(0, true))));
        assert_eq!(request("GET /128 HT"), Ok(None));
        assert_eq!(request("GET / HTTP/1.1\r\n\r\n"), Err(NotOurs));
        assert_eq!(request("PUT /1 HTTP/1.1\r\n\r\n"), Err(NotOurs));
        assert_eq!(request("GET /1 HTTP/1.1\r\n\r\nmore"), Err(NotOurs));
        assert_eq!(request("GET /1?dalay=1 HTTP/1.1\r\n\r\n"), Err(NotOurs));
        assert_eq!(request("GET /1?delay= HTTP/1.1\r\n\r\n"), Err(NotOurs));
    }

    #[test]
    fn every_word_that_is_asked_is_understood() {
        let asked = Asked {
            body_bytes: 5,
            delay_ms: 20,
            chunked: true,
            pace_bytes_s: 3,
            ..Asked::default()
        };
        let wanted = Request {
            body_bytes: 5,
            delay_ms: 20,
            chunked: true,
            pace_bytes_s: 3,
            close: false,
        };
        let text = format!("GET {} HTTP/1.1\r\n\r\n", asked.target());
        assert_eq!(request(&text), Ok(Some(wanted)));
    }

    #[test]
    fn an_upload_has_one_length_and_it_is_the_right_one() {
        let asked = Asked {
            upload_bytes: 7,
            ..Asked::default()
        };
        let is_upload = |fields: &str| {
            let text = format!("POST {} HTTP/1.1\r\n{fields}\r\n\r\nrest", asked.target());
            let head = parse(text.as_bytes()).ok().flatten();
            head.is_some_and(|head| head.upload.is_some() && head.bytes == text.len() - 4)
        };
        assert!(is_upload("Content-Length: 7"));
        assert!(is_upload("transfer-encoding: chunked"));
        for wrong in [
            "Content-Length: 8",
            "Host: a",
            "Content-Length: 7\r\nContent-Length: 7",
            "Content-Length: 7\r\nTransfer-Encoding: chunked",
        ] {
            assert!(!is_upload(wrong), "{wrong}");
        }
    }
}
