//! The links to the other servers: one socket for each address of this server. A link that cannot be used is no error:
//! it is tried again.

use std::io;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;

use crate::model::time::Instant;
use crate::pair::LINKS_MAX;
use crate::pair::advert::Advert;
use crate::pair::event::Event;
use crate::pair::node::NodeId;
use crate::pair::seal::Channel;
use crate::pair::seal::DATAGRAM_MAX;
use crate::pair::seal::Opened;
use crate::pair::standing::Standing;
use crate::standby::domain::Paths;
use crate::standby::domain::Setting;

/// A socket that could not be opened is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);
/// So many datagrams that say nothing are read from a socket before everything else has its turn again.
const READ_MOST: usize = 128;

/// All of them, and who is at the other ends.
pub struct Links {
    key: [u8; 32],
    me: NodeId,
    boot: u64,
    links: Vec<Link>,
    peers: Vec<Peer>,
    datagram: [u8; DATAGRAM_MAX + 1],
}

struct Link {
    address: SocketAddr,
    socket: Option<UdpSocket>,
    retry: Instant,
    /// What is wrong with it has been said.
    is_told: bool,
}

struct Peer {
    paths: Paths,
    channel: Channel,
    heard: [Option<Instant>; LINKS_MAX],
}

impl Links {
    pub fn new(key: [u8; 32], boot: u64, setting: &Setting, now: Instant) -> Links {
        let mut links = Links {
            key,
            me: setting.domain.me,
            boot,
            links: Vec::new(),
            peers: Vec::new(),
            datagram: [0; DATAGRAM_MAX + 1],
        };
        links.set(setting, now);
        links
    }

    /// The domain file says otherwise now. Who stays is known as before; new links are opened by [`Links::open`].
    pub fn set(&mut self, setting: &Setting, now: Instant) {
        let mut before = std::mem::take(&mut self.links);
        let mut open = |address: &SocketAddr| {
            let known = before.iter().position(|link| link.address == *address);
            known.map_or_else(
                || Link {
                    address: *address,
                    socket: None,
                    retry: now,
                    is_told: false,
                },
                |known| before.swap_remove(known),
            )
        };
        self.links = setting.own.iter().map(&mut open).collect();
        let mut peers = std::mem::take(&mut self.peers);
        for paths in &setting.peers {
            let known = peers.iter().position(|peer| peer.paths.node == paths.node);
            let peer = match known {
                Some(known) => Peer {
                    paths: paths.clone(),
                    ..peers.swap_remove(known)
                },
                None => Peer {
                    paths: paths.clone(),
                    channel: Channel::new(&self.key, self.me, self.boot, paths.node, now),
                    heard: [None; LINKS_MAX],
                },
            };
            self.peers.push(peer);
        }
    }

    /// Opens what is closed and due. What is wrong with a link is said once, until it works.
    pub fn open(&mut self, now: Instant, trouble: &mut impl FnMut(String)) {
        for link in &mut self.links {
            if link.socket.is_some() || link.retry > now {
                continue;
            }
            link.retry = now + RETRY;
            match open(link.address) {
                Ok(socket) => {
                    link.socket = Some(socket);
                    link.is_told = false;
                }
                Err(error) if !std::mem::replace(&mut link.is_told, true) => trouble(format!(
                    "no adverts by {}, which is tried again every second: {error}",
                    link.address
                )),
                Err(_) => {}
            }
        }
    }

    /// When one is to be tried again.
    pub fn next(&self) -> Option<Instant> {
        let closed = self.links.iter().filter(|link| link.socket.is_none());
        closed.map(|link| link.retry).min()
    }

    /// What becomes readable when something comes, by link.
    pub fn fd(&self, link: usize) -> Option<BorrowedFd<'_>> {
        self.links.get(link)?.socket.as_ref().map(AsFd::as_fd)
    }

    /// Tells all others, over all links.
    pub fn advertise(&mut self, advert: &Advert, now: Instant) {
        let payload = advert.encode();
        let mut out = [0; DATAGRAM_MAX];
        for peer in &mut self.peers {
            peer.channel.begin(&payload, now);
            for (index, link) in (0..).zip(&self.links) {
                let to = peer.paths.addresses.get(usize::from(index)).copied();
                let (Some(Some(to)), Some(socket)) = (to, &link.socket) else {
                    continue;
                };
                let datagram = peer.channel.seal(index, payload.len(), &mut out);
                // What cannot be sent over this link comes over another one, or is missed.
                let _ = socket.send_to(datagram, to);
            }
        }
    }

    /// The next thing to be believed that has come over a link.
    pub fn read(&mut self, index: usize, now: Instant) -> Option<Event> {
        for _ in 0..READ_MOST {
            let socket = self.links.get(index)?.socket.as_ref()?;
            match socket.recv_from(&mut self.datagram) {
                Ok((length, from)) => {
                    let event = self.understand(index, length, from, now);
                    if event.is_some() {
                        return event;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing more, or word that something sent before did not arrive.
                Err(_) => return None,
            }
        }
        None
    }

    fn understand(
        &mut self,
        index: usize,
        length: usize,
        from: SocketAddr,
        now: Instant,
    ) -> Option<Event> {
        let at = |peer: &&mut Peer| peer.paths.addresses.get(index) == Some(&Some(from));
        let peer = self.peers.iter_mut().find(at)?;
        let node = peer.paths.node;
        // Each refusal is somebody else's datagram, or one that is lost.
        let (link, event) = match peer.channel.open(&self.datagram[..length], now).ok()? {
            Opened::Overtaken { link } => (link, None),
            Opened::Newest { link, payload } => {
                let advert = Advert::decode(payload).ok()?;
                (link, Some(Event::Heard { link, advert }))
            }
        };
        peer.heard[usize::from(link)] = Some(now);
        // Whoever has the key speaks for itself alone.
        event.filter(|event| {
            matches!(event, Event::Heard { advert, .. }
            if advert.from == node && Some(advert.boot) == peer.channel.proven())
        })
    }

    /// Writes down when each link was heard last.
    pub fn show(&self, standing: &mut Standing) {
        for shown in standing.peers.iter_mut().flatten() {
            let known = self
                .peers
                .iter()
                .find(|peer| peer.paths.node == shown.advert.from);
            if let Some(known) = known {
                shown.heard = known.heard;
            }
        }
    }
}

/// Also where that address is not there yet, or no more: an interface may come up late (`IP_FREEBIND`, ip(7)).
fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(
        domain,
        Type::DGRAM.nonblocking().cloexec(),
        Some(Protocol::UDP),
    )?;
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_freebind_v6(true)?;
        }
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}
