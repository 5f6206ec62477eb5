//! The client: a new connection every two milliseconds, whatever became of the others.

use std::fs::File;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sched::CloneFlags;
use nix::sched::setns;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::trouble::Trouble;
use crate::trouble::While;

/// A connection begins so often.
pub const EVERY: Duration = Duration::from_millis(2);
/// One that has not come about by then is given up.
pub const CONNECT_WITHIN: Duration = Duration::from_millis(100);
/// The same for a response.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const REQUEST: &[u8] = b"GET /128 HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
const BODY_BYTES: usize = 128;

/// What became of one connection, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    Answered {
        took: Duration,
    },
    NotConnected,
    /// It was connected, and no whole response came.
    Failed,
}

#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub ended_at: Instant,
    pub ended: Ended,
}

/// Asks until it is dropped.
pub struct Client {
    over: Arc<AtomicBool>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// On the host with that namespace.
    pub fn start(space: File, target: SocketAddr) -> Client {
        let over = Arc::new(AtomicBool::new(false));
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let (ended, record) = (Arc::clone(&over), Arc::clone(&attempts));
        let thread = std::thread::spawn(move || {
            if setns(&space, CloneFlags::CLONE_NEWNET).is_ok() {
                ask(target, &ended, &record);
            }
        });
        Client {
            over,
            attempts,
            thread: Some(thread),
        }
    }

    /// Everything that ended since `since`.
    pub fn since(&self, since: Instant) -> Vec<Attempt> {
        let attempts = self.attempts.lock();
        let attempts = attempts.unwrap_or_else(PoisonError::into_inner);
        let after = |attempt: &&Attempt| attempt.ended_at >= since;
        attempts.iter().filter(after).copied().collect()
    }

    /// Forgets what was.
    pub fn forget(&self) {
        let attempts = self.attempts.lock();
        attempts.unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // What went wrong on it shows as a service that never came.
            let _ = thread.join();
        }
    }
}

struct Exchange {
    socket: Socket,
    began: Instant,
    connected: bool,
    answer: Vec<u8>,
}

fn ask(target: SocketAddr, over: &AtomicBool, record: &Mutex<Vec<Attempt>>) {
    let mut under_way: Vec<Exchange> = Vec::new();
    let mut next = Instant::now();
    while !over.load(Ordering::SeqCst) {
        let now = Instant::now();
        if now >= next {
            // A client that was late does not ask for what it missed.
            next = (next + EVERY).max(now);
            match Exchange::begin(target, now) {
                Ok(exchange) => under_way.push(exchange),
                Err(_) => put(record, Ended::NotConnected),
            }
        }
        wait(&under_way, next);
        under_way.retain_mut(|exchange| match exchange.go_on() {
            None => true,
            Some(ended) => {
                put(record, ended);
                false
            }
        });
    }
}

fn put(record: &Mutex<Vec<Attempt>>, ended: Ended) {
    let ended_at = Instant::now();
    let attempts = record.lock();
    let mut attempts = attempts.unwrap_or_else(PoisonError::into_inner);
    attempts.push(Attempt { ended_at, ended });
}

fn wait(under_way: &[Exchange], until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    let mut watched: Vec<PollFd<'_>> = under_way.iter().map(Exchange::watched).collect();
    let _interrupted = poll(&mut watched, timeout);
}

impl Exchange {
    fn begin(target: SocketAddr, began: Instant) -> Result<Exchange, Trouble> {
        let doing = "beginning to connect";
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).during(doing)?;
        socket.set_tcp_nodelay(true).during(doing)?;
        match socket.connect(&target.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(nix::libc::EINPROGRESS) => {}
            Err(error) => return Err(error).during(doing),
        }
        Ok(Exchange {
            socket,
            began,
            connected: false,
            answer: Vec::new(),
        })
    }

    fn watched(&self) -> PollFd<'_> {
        let flags = match self.connected {
            true => PollFlags::POLLIN,
            false => PollFlags::POLLOUT,
        };
        PollFd::new(self.socket.as_fd(), flags)
    }

    /// Does what can be done; `Some`: it has ended.
    fn go_on(&mut self) -> Option<Ended> {
        if !self.connected {
            return self.connect();
        }
        let mut room = [0; 2048];
        loop {
            match self.socket.read(&mut room) {
                Ok(0) => return Some(self.judge()),
                Ok(count) => self.answer.extend_from_slice(&room[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Some(Ended::Failed),
            }
        }
        (self.began.elapsed() > ANSWER_WITHIN).then_some(Ended::Failed)
    }

    fn connect(&mut self) -> Option<Ended> {
        match self.socket.take_error() {
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return Some(Ended::NotConnected),
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                self.connected = true;
                let sent = self.socket.write(REQUEST);
                sent.is_err().then_some(Ended::Failed)
            }
            Err(_) => (self.began.elapsed() > CONNECT_WITHIN).then_some(Ended::NotConnected),
        }
    }

    fn judge(&self) -> Ended {
        let head = b"HTTP/1.1 200 ";
        let end = memchr::memmem::find(&self.answer, b"\r\n\r\n");
        let whole = end.is_some_and(|end| self.answer.len() == end + 4 + BODY_BYTES);
        match whole && self.answer.starts_with(head) {
            true => Ended::Answered {
                took: self.began.elapsed(),
            },
            false => Ended::Failed,
        }
    }
}
