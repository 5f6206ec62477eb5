//! Somebody on the network who records what servers say to each other, and says it again later.

use std::io::ErrorKind;
use std::io::Read;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::libc;
use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;

use super::record::Record;
use super::space::Space;

/// How often a thread looks whether it shall end.
const GLANCE: Duration = Duration::from_millis(50);
/// An Ethernet frame before its IP packet.
const ETHERNET: usize = 14;
/// Where an IPv4 header says the protocol, and where it has the addresses.
const PROTOCOL: usize = 9;
const SOURCE: usize = 12;
const TARGET: usize = 16;

/// Whole IP packets.
pub type Packets = Vec<Vec<u8>>;

/// A thread that is told to end, and waited for.
struct Worker<T> {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Worker<T> {
    fn new(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Worker<T> {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        Worker {
            ended,
            thread: Some(thread::spawn(move || work(&end))),
        }
    }

    fn end(&mut self) -> Option<T> {
        self.ended.store(true, Ordering::Relaxed);
        let ended = self.thread.take()?.join();
        ended.ok() // what went wrong on it has been printed
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Records the datagrams that a host gets from others.
pub struct Recorder(Worker<Packets>);

impl Recorder {
    pub fn start(space: &Space) -> Recorder {
        let every = Protocol::from(i32::from(u16::to_be(libc::ETH_P_ALL as u16)));
        let open = || Socket::new(Domain::PACKET, Type::RAW, Some(every)).unwrap();
        let mut socket = space.within(open);
        socket.set_read_timeout(Some(GLANCE)).unwrap();
        Recorder(Worker::new(move |ended| {
            let mut packets = Packets::new();
            let mut frame = [0; 2048];
            while !ended.load(Ordering::Relaxed) {
                match socket.read(&mut frame) {
                    Ok(length) => packets.extend(datagram(&frame[..length])),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            packets
        }))
    }

    /// What came from one of these addresses.
    pub fn stop(mut self, from: &[Ipv4Addr]) -> Packets {
        let mut packets = self.0.end().expect("it recorded");
        packets.retain(|packet| from.contains(&address(packet, SOURCE)));
        packets
    }
}

/// The IP packet in a frame, if it holds a UDP datagram over IPv4 between two servers.
fn datagram(frame: &[u8]) -> Option<Vec<u8>> {
    let packet = frame.get(ETHERNET..)?;
    let is_udp = frame[12..ETHERNET] == [8, 0] && packet.get(PROTOCOL) == Some(&17);
    is_udp.then(|| packet.to_vec())
}

fn address(packet: &[u8], at: usize) -> Ipv4Addr {
    let bytes: [u8; 4] = packet[at..at + 4].try_into().unwrap();
    Ipv4Addr::from(bytes)
}

/// Says all of it again and again, until dropped.
pub struct Replayer {
    /// One entry for each round.
    pub rounds: Record<()>,
    _worker: Worker<()>,
}

impl Replayer {
    pub fn start(space: &Space, packets: Packets) -> Replayer {
        // raw(7): with IPPROTO_RAW the packet brings its own header.
        let raw = Protocol::from(libc::IPPROTO_RAW);
        let socket = space.within(|| Socket::new(Domain::IPV4, Type::RAW, Some(raw)).unwrap());
        let rounds = Record::new();
        let said = rounds.clone();
        let _worker = Worker::new(move |ended| {
            while !ended.load(Ordering::Relaxed) {
                for packet in &packets {
                    let target = SocketAddr::from((address(packet, TARGET), 0));
                    let _ = socket.send_to(packet, &target.into()); // a full queue loses some
                }
                said.push(());
                // Some air for everybody else.
                said.wait(Duration::from_millis(20), |_| None::<()>);
            }
        });
        Replayer { rounds, _worker }
    }
}
