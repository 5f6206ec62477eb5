//! JSON lines over a connection that is made again whenever it is lost.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use socket2::SockRef;
use socket2::TcpKeepalive;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::control::mon::Settings;
use crate::control::mon::backoff::Backoff;
use crate::control::mon::lines;
use crate::control::mon::note;
use crate::control::mon::plain;
use crate::control::mon::queue::Queue;
use crate::control::mon::queue::Record;
use crate::control::mon::reading;
use crate::control::mon::resolve::resolve;
use crate::control::mon::ticks;
use crate::control::shared::Shared;
use crate::ring::clock;

/// Lines that wait for a receiver: some three minutes of the seed's counters every second.
const WAITING_BYTES_MOST: usize = 256 << 10;
/// What the kernel keeps for a receiver besides; by itself it would keep megabytes.
const SEND_BUFFER_BYTES: u32 = 64 << 10;
/// A receiver that has taken nothing for so long is left, and asked anew.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Whether it is still there is asked after such a silence.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Makes a record every interval, and hands them to the receiver.
pub async fn push(shared: &Shared, settings: &Settings) {
    let outgoing = Outgoing {
        shared,
        settings,
        waiting: Mutex::new(Waiting {
            queue: Queue::new(WAITING_BYTES_MOST),
            dropped: 0,
        }),
        more: Notify::new(),
    };
    tokio::join!(outgoing.fill(), outgoing.deliver());
}

/// What is between the one who makes records and the one who delivers them.
struct Outgoing<'s> {
    shared: &'s Shared,
    settings: &'s Settings,
    waiting: Mutex<Waiting>,
    more: Notify,
}

struct Waiting {
    queue: Queue,
    /// Since the receiver was last up to date.
    dropped: u64,
}

impl Outgoing<'_> {
    async fn fill(&self) {
        let mut ticks = ticks(self.settings);
        let mut definitions: Arc<str> = "".into();
        loop {
            ticks.tick().await;
            let (node, counters) = (&self.settings.node, reading(self.shared));
            let defined = lines::definitions(node, self.settings.interval, &counters);
            if *definitions != *defined {
                definitions = defined.into();
            }
            self.put(Record {
                definitions: Arc::clone(&definitions),
                line: lines::record(clock::unix_ms(), node, &counters).into(),
            });
        }
    }

    fn put(&self, record: Record) {
        let mut waiting = self.lock();
        let dropped = waiting.queue.push(record);
        let first = waiting.dropped == 0 && dropped > 0;
        waiting.dropped += dropped;
        drop(waiting);
        self.shared.mon.add_dropped(dropped);
        if first {
            self.note("it does not keep up, or is not there: the oldest records are dropped");
        }
        self.more.notify_one();
    }

    /// The next to leave.
    async fn next(&self) -> Record {
        loop {
            let record = self.lock().queue.begin();
            match record {
                Some(record) => return record,
                None => self.more.notified().await,
            }
        }
    }

    fn sent(&self) {
        self.shared.mon.add_sent();
        let mut waiting = self.lock();
        waiting.queue.sent();
        if waiting.queue.len() > 0 {
            return;
        }
        let dropped = std::mem::take(&mut waiting.dropped);
        drop(waiting);
        if dropped > 0 {
            self.note(&format!("up to date again; {dropped} records were dropped"));
        }
    }

    /// Connects, delivers, and begins again.
    async fn deliver(&self) {
        let mut backoff = Backoff::default();
        let mut said = false;
        loop {
            let (lasted, error) = match self.connect().await {
                Err(error) => (Duration::ZERO, error),
                Ok(stream) => {
                    self.note("counters are pushed there");
                    said = false;
                    self.feed_for(stream).await
                }
            };
            if !said {
                self.note(&format!("{}; counters wait", plain(&error)));
                said = true;
            }
            self.lock().queue.restart();
            sleep(backoff.after(lasted)).await;
        }
    }

    /// For how long a connection lasted, and why it ended.
    async fn feed_for(&self, stream: TcpStream) -> (Duration, io::Error) {
        let since = clock::read().now;
        self.shared.mon.set_connected(true);
        let error = self.feed(stream).await;
        self.shared.mon.set_connected(false);
        (clock::read().now.since(since), error)
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let mut error = io::Error::from(io::ErrorKind::NotFound);
        for address in resolve(&self.settings.to).await? {
            let connecting = connect_to(address);
            let connected = match self.settings.connect_within {
                None => connecting.await,
                Some(limit) => match timeout(limit, connecting).await {
                    Ok(connected) => connected,
                    Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
                },
            };
            match connected {
                Ok(stream) => return Ok(stream),
                Err(cause) => error = cause,
            }
        }
        Err(error)
    }

    /// Until the connection ends; why.
    async fn feed(&self, mut stream: TcpStream) -> io::Error {
        let (mut from, mut to) = stream.split();
        tokio::select! {
            error = ended(&mut from) => error,
            error = self.write(&mut to) => error,
        }
    }

    async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Error {
        let mut defined: Arc<str> = "".into();
        loop {
            let record = self.next().await;
            if !Arc::ptr_eq(&defined, &record.definitions) {
                if let Err(error) = to.write_all(record.definitions.as_bytes()).await {
                    return error;
                }
                defined = record.definitions;
            }
            if let Err(error) = to.write_all(record.line.as_bytes()).await {
                return error;
            }
            self.sent();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, what: &str) {
        note(self.shared, self.settings, what);
    }
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        // What waits for a receiver that is not to have it any more.
        let left = self.lock().queue.len();
        self.shared.mon.add_dropped(left as u64);
    }
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    let stream = socket.connect(address).await?;
    let options = SockRef::from(&stream);
    options.set_tcp_user_timeout(Some(UNREAD_TIMEOUT))?;
    options.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    Ok(stream)
}

/// Until the receiver closes, or is found dead. What it says is nothing to us.
async fn ended(from: &mut (impl AsyncRead + Unpin)) -> io::Error {
    let mut said = [0; 4096];
    loop {
        match from.read(&mut said).await {
            Ok(0) => {
                return io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection");
            }
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}
