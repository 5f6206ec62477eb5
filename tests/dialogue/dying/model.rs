//! Messages as somebody reads them who has never heard of HALB: plainly, from the first byte on, each time anew.

/// What can be said of a response, or of the beginning of one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// Interim responses before it.
    pub interims: usize,
    /// `None`: its head is not whole.
    pub status: Option<u16>,
    pub body: Vec<u8>,
    pub trailers: Vec<u8>,
    pub whole: Whole,
    /// How many bytes it takes, when it is whole.
    pub bytes: usize,
}

/// Whether a message is all there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Whole {
    #[default]
    No,
    Yes,
    /// As soon as the stream ends.
    WithTheEnd,
}

/// Reads a response; to HEAD there is no body.
pub fn response(bytes: &[u8], to_head: bool) -> View {
    let mut view = View::default();
    let mut at = 0;
    while let Some(length) = head_length(&bytes[at..]) {
        let head = text(&bytes[at..at + length]);
        at += length;
        let status: u16 = head[9..12].parse().expect("a status");
        if (100..200).contains(&status) && status != 101 {
            view.interims += 1;
            continue;
        }
        view.status = Some(status);
        let bodiless = to_head || matches!(status, 204 | 304);
        read_body(
            &bytes[at..],
            &head,
            if bodiless {
                Rest::Nothing
            } else {
                Rest::UntilTheEnd
            },
            bodiless,
            &mut view,
        );
        view.bytes += at;
        return view;
    }
    view
}

/// Reads a request; `status` stays unset.
pub fn request(bytes: &[u8]) -> Option<(String, View)> {
    let length = head_length(bytes)?;
    let head = text(&bytes[..length]);
    let mut view = View::default();
    read_body(&bytes[length..], &head, Rest::Nothing, false, &mut view);
    view.bytes += length;
    Some((head, view))
}

/// What follows a head that says nothing of a body.
#[derive(Clone, Copy)]
enum Rest {
    Nothing,
    UntilTheEnd,
}

fn read_body(bytes: &[u8], head: &str, otherwise: Rest, bodiless: bool, view: &mut View) {
    let field = |name: &str| {
        let lines = head.lines().find_map(|line| line.strip_prefix(name));
        lines.and_then(|value| value.strip_prefix(": "))
    };
    if bodiless {
        view.whole = Whole::Yes;
    } else if field("Transfer-Encoding") == Some("chunked") {
        read_chunks(bytes, view);
    } else if let Some(length) = field("Content-Length") {
        let length: usize = length.parse().expect("a length");
        let there = length.min(bytes.len());
        view.body.extend_from_slice(&bytes[..there]);
        view.bytes = there;
        view.whole = if there == length {
            Whole::Yes
        } else {
            Whole::No
        };
    } else {
        match otherwise {
            Rest::Nothing => view.whole = Whole::Yes,
            Rest::UntilTheEnd => {
                view.body.extend_from_slice(bytes);
                view.whole = Whole::WithTheEnd;
            }
        }
    }
}

fn read_chunks(bytes: &[u8], view: &mut View) {
    let mut at = 0;
    while let Some(length) = line_length(&bytes[at..]) {
        let line = text(&bytes[at..at + length]);
        at += length;
        let size = line.split([';', '\r']).next().expect("a size").trim();
        let size = usize::from_str_radix(size, 16).expect("a size in hexadecimal");
        if size == 0 {
            read_trailers(bytes, at, view);
            return;
        }
        let end = bytes.len().min(at + size);
        view.body.extend_from_slice(&bytes[at..end]);
        at = end + 2;
        if at > bytes.len() {
            return;
        }
    }
}

fn read_trailers(bytes: &[u8], mut at: usize, view: &mut View) {
    while let Some(length) = line_length(&bytes[at..]) {
        let line = &bytes[at..at + length];
        at += length;
        if line == b"\r\n" {
            view.whole = Whole::Yes;
            view.bytes = at;
            return;
        }
        view.trailers.extend_from_slice(line);
    }
}

fn head_length(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

fn line_length(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some(end + 2)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_at_its_last_byte_and_not_before() {
        let answers: [&[u8]; 3] = [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\no\r\n1\r\nk\r\n0\r\nX: y\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
        ];
        for answer in answers {
            for end in 0..answer.len() {
                assert_eq!(response(&answer[..end], false).whole, Whole::No);
            }
            let view = response(answer, false);
            assert_eq!((view.whole, view.bytes), (Whole::Yes, answer.len()));
            assert!(view.body == b"ok" || view.status == Some(204));
        }
        let open = response(b"HTTP/1.1 200 OK\r\n\r\nsome", false);
        assert_eq!(
            (open.whole, open.body.as_slice()),
            (Whole::WithTheEnd, b"some".as_slice())
        );
        let head = response(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", true);
        assert_eq!(head.whole, Whole::Yes);
        let (_, asked) = request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET").unwrap();
        assert_eq!((asked.whole, asked.bytes), (Whole::Yes, 27));
    }
}
