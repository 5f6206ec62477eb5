//! A client that says exactly the bytes a test wants, and reads responses.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;

use crate::process::PATIENCE;

pub struct Client {
    pub stream: TcpStream,
    reader: BufReader<TcpStream>,
}

/// One response, its body without any framing.
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        Client::of(TcpStream::connect(address).unwrap())
    }

    pub fn of(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Client { stream, reader }
    }

    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn get(&mut self, path: &str) {
        self.say(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    }

    /// Says that nothing more will come, and goes on listening.
    pub fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The next response to a request that is not HEAD.
    pub fn response(&mut self) -> Response {
        self.read(false)
    }

    /// The next response to a HEAD.
    pub fn response_to_head(&mut self) -> Response {
        self.read(true)
    }

    /// One line or less, as it comes.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).unwrap();
        String::from_utf8(line).unwrap()
    }

    /// All that comes until the other side closes.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// The other side closes and says nothing more.
    pub fn is_closed(&mut self) {
        let rest = self.rest().unwrap();
        let text = String::from_utf8_lossy(&rest);
        assert!(rest.is_empty(), "said at the end: {text}");
    }

    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The head of the next response, up to its empty line.
    pub fn head(&mut self) -> String {
        let mut head = String::new();
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "closed within a head: {head:?}");
            if line == "\r\n" {
                return head;
            }
            head.push_str(&line);
        }
    }

    fn read(&mut self, head_only: bool) -> Response {
        let head = self.head();
        let status: u16 = head[9..12].parse().unwrap();
        let mut response = Response {
            status,
            head,
            body: Vec::new(),
        };
        let chunked = response.field("Transfer-Encoding").is_some();
        let length = response.field("Content-Length").map(str::to_owned);
        let bodiless = head_only || status < 200 || status == 204 || status == 304;
        response.body = match length {
            _ if bodiless => Vec::new(),
            _ if chunked => self.chunked(),
            Some(length) => self.exactly(length.parse().unwrap()),
            None => self.rest().unwrap(),
        };
        response
    }

    fn chunked(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.line();
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
            if length == 0 {
                while self.line() != "\r\n" {}
                return body;
            }
            body.extend(self.exactly(length));
            assert_eq!(self.line(), "\r\n");
        }
    }
}

impl Response {
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// The value of the first field of that name in a head.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut named = fields.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}
