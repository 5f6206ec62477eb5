//! StatsD over UDP.

use std::io;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::sleep;

use crate::control::mon::Settings;
use crate::control::mon::backoff::Backoff;
use crate::control::mon::note;
use crate::control::mon::plain;
use crate::control::mon::reading;
use crate::control::mon::resolve::resolve;
use crate::control::mon::statsd::Statsd;
use crate::control::mon::ticks;
use crate::control::shared::Shared;

/// A name may lead elsewhere after such a time, and so may the way from here to an address.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Sends a reading every interval. `from_start`: nothing was counted before.
pub async fn push(shared: &Shared, settings: &Settings, from_start: bool) {
    let outgoing = Outgoing {
        shared,
        settings,
        socket: Mutex::new(None),
    };
    // In this order: the socket to an address is there before the first reading.
    tokio::join!(outgoing.keep_a_socket(), outgoing.send_all(from_start));
}

struct Outgoing<'s> {
    shared: &'s Shared,
    settings: &'s Settings,
    socket: Mutex<Option<UdpSocket>>,
}

impl Outgoing<'_> {
    async fn keep_a_socket(&self) {
        let mut backoff = Backoff::default();
        let mut said = false;
        loop {
            let opened = match resolve(&self.settings.to).await {
                Ok(addresses) => open(&addresses),
                Err(error) => Err(error),
            };
            let wait = match opened {
                Ok(socket) => {
                    *self.lock() = Some(socket);
                    self.shared.mon.set_connected(true);
                    (backoff, said) = (Backoff::default(), false);
                    LOOK_AGAIN
                }
                // An address that was found before is as good as any.
                Err(error) => {
                    if !said {
                        self.note(&plain(&error));
                        said = true;
                    }
                    backoff.after(Duration::ZERO)
                }
            };
            sleep(wait).await;
        }
    }

    async fn send_all(&self, from_start: bool) {
        let mut ticks = ticks(self.settings);
        let mut statsd = Statsd::new(&self.settings.node, from_start);
        let mut said = false;
        loop {
            ticks.tick().await;
            let mut trouble = None;
            for datagram in statsd.datagrams(&reading(self.shared)) {
                if self.send(datagram.text.as_bytes(), &mut trouble) {
                    self.shared.mon.add_sent();
                    statsd.sent(datagram);
                }
            }
            if let Some(error) = &trouble
                && !said
            {
                self.note(&format!("{}; counters are dropped", plain(error)));
            }
            said = trouble.is_some();
        }
    }

    /// Whether it has left. It never blocks: what finds no room is dropped.
    fn send(&self, bytes: &[u8], trouble: &mut Option<io::Error>) -> bool {
        let socket = self.lock();
        let Some(socket) = &*socket else {
            self.shared.mon.add_dropped(1);
            return false;
        };
        // A refusal is said of the one before, which found nobody; this one has not left by then.
        for last_try in [false, true] {
            let Err(error) = socket.send(bytes) else {
                return true;
            };
            self.shared.mon.add_dropped(1);
            let refused = error.kind() == io::ErrorKind::ConnectionRefused;
            *trouble = Some(error);
            if last_try || !refused {
                break;
            }
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, Option<UdpSocket>> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, what: &str) {
        note(self.shared, self.settings, what);
    }
}

/// Towards the first address to which there is a way.
fn open(addresses: &[SocketAddr]) -> io::Result<UdpSocket> {
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match open_to(*address) {
            Ok(socket) => return Ok(socket),
            Err(cause) => error = cause,
        }
    }
    Err(error)
}

fn open_to(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}
