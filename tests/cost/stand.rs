//! A worker, driven by the test, between plain blocking sockets.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use halb::balance::hash::HashKey;
use halb::http::ending::Ending;
use halb::model::amount::Bandwidth;
use halb::model::output::OutputId;
use halb::model::plan::Affinity;
use halb::model::plan::Plan;
use halb::model::plan::PlannedOutput;
use halb::plane::Order;
use halb::plane::Plane;
use halb::ring::inbox::Hub;
use halb::ring::kernel::KernelRing;
use halb::ring::kernel::RingSetup;
use halb::ring::port::Ring;
use halb::ring::port::RingCounts;
use halb::ring::socket;
use halb::worker::Learning;
use halb::worker::Leftovers;
use halb::worker::Progress;
use halb::worker::Worker;

/// Longer than any test takes, also on a busy machine. Nothing waits so long unless the worker is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Buffers of the worker of a stand.
pub const SMALL_BUFFERS: u32 = 256;

/// What was spent between two looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    pub accepts: u64,
    pub connects: u64,
    pub recvs: u64,
    pub sends: u64,
    pub polls: u64,
    /// Closes and cancels.
    pub others: u64,
    pub enters: u64,
    pub calls: u64,
    pub allocations: u64,
    /// Allocations less deallocations.
    pub kept: i64,
}

impl Cost {
    /// Holds this against `count` times what one exchange may cost. All but the enters has to be exact: a timer
    /// that comes due on a slow machine adds an enter now and then, which a mean does not show.
    pub fn check(&self, one: &Cost, count: u64) {
        let expected = Cost {
            accepts: one.accepts * count,
            connects: one.connects * count,
            recvs: one.recvs * count,
            sends: one.sends * count,
            polls: one.polls * count,
            others: one.others * count,
            enters: self.enters,
            calls: one.calls * count,
            allocations: one.allocations * count,
            kept: one.kept * count.cast_signed(),
        };
        assert_eq!(*self, expected);
        assert!(self.enters / count <= one.enters, "{} enters", self.enters);
    }

    /// All operations of the ring.
    pub fn operations(&self) -> u64 {
        self.accepts + self.connects + self.recvs + self.sends + self.polls + self.others
    }
}

/// A worker with one output, whose other end is the test.
pub struct Stand {
    worker: Worker<KernelRing>,
    plane: Arc<Plane>,
    hub: Arc<Hub>,
    output: TcpListener,
    address: SocketAddr,
    allocations: u64,
    kept: i64,
    /// Hangs up when the test is over.
    alarm: Sender<()>,
    watch: JoinHandle<()>,
}

impl Stand {
    pub fn new() -> Stand {
        Stand::with(Affinity::default())
    }

    /// The same with clients tied to outputs.
    pub fn with(affinity: Affinity) -> Stand {
        let plan = Plan {
            affinity,
            ..Plan::empty()
        };
        Stand::made(plan, None)
    }

    /// The same with an access log.
    pub fn logged() -> Stand {
        let plan = Plan {
            access_log: true,
            ..Plan::empty()
        };
        Stand::made(plan, None)
    }

    /// Control takes part in what is learned, for other servers, and never comes to look.
    pub fn mirrored(self) -> Stand {
        self.plane.open_exchange();
        self
    }

    /// The same with a limit of bandwidth.
    pub fn limited(bandwidth: Bandwidth) -> Stand {
        Stand::made(Plan::empty(), Some(bandwidth))
    }

    fn made(plan: Plan, bandwidth: Option<Bandwidth>) -> Stand {
        let output = TcpListener::bind(loopback()).unwrap();
        let plan = Plan {
            outputs: [PlannedOutput {
                id: out1(),
                name: "out".to_owned(),
                address: output.local_addr().ok(),
                weight: 1,
                max_connections: 0,
                backup: false,
                born: 0,
                revision: 0,
            }]
            .into_iter()
            .collect(),
            ..plan
        };
        let hub = Arc::new(Hub::new(1).unwrap());
        let plane = Plane::new(1, plan.max_connections);
        let plane = Arc::new(plane.limited(bandwidth));
        let ring = KernelRing::new(RingSetup {
            small_buffers: SMALL_BUFFERS,
            large_buffers: 16,
            pipes: 4,
            socket_bytes: None,
            hub: Arc::clone(&hub),
            index: 0,
        });
        let mut ring = ring.unwrap_or_else(|error| panic!("{error}"));
        let reserved = socket::probe_bind(&loopback()).unwrap();
        let listener = ring.listen(&reserved.address).unwrap();
        let (alarm, watched) = mpsc::channel();
        let (plane_to_stop, hub_to_wake) = (Arc::clone(&plane), Arc::clone(&hub));
        let watch = thread::spawn(move || {
            if watched.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                plane_to_stop.set_order(Order::Stop);
                hub_to_wake.wake(0);
            }
        });
        Stand {
            worker: Worker::new(
                ring,
                0,
                vec![listener],
                Arc::new(plan),
                Arc::clone(&plane),
                Learning {
                    hash: HashKey::from_bytes([7; HashKey::LENGTH]),
                    capacity: 1000,
                },
            ),
            plane,
            hub,
            output,
            address: reserved.address,
            allocations: 0,
            kept: 0,
            alarm,
            watch,
        }
    }

    /// A new client; the worker has not turned since.
    pub fn client(&self) -> TcpStream {
        patient(TcpStream::connect(self.address).unwrap())
    }

    /// The output's end of a connection that the worker has opened.
    pub fn accept(&self) -> TcpStream {
        patient(self.output.accept().unwrap().0)
    }

    /// What was spent so far.
    pub fn spent(&self) -> Cost {
        let counts = self.counts();
        Cost {
            accepts: counts.accepts,
            connects: counts.connects,
            recvs: counts.recvs,
            sends: counts.sends,
            polls: counts.polls,
            others: counts.others,
            enters: counts.enters,
            calls: counts.calls,
            allocations: self.allocations,
            kept: self.kept,
        }
    }

    /// What `run` costs.
    pub fn cost(&mut self, run: impl FnOnce(&mut Stand)) -> Cost {
        let before = self.spent();
        run(self);
        let after = self.spent();
        assert_eq!(self.counts().starved, 0, "buffers were short");
        Cost {
            accepts: after.accepts - before.accepts,
            connects: after.connects - before.connects,
            recvs: after.recvs - before.recvs,
            sends: after.sends - before.sends,
            polls: after.polls - before.polls,
            others: after.others - before.others,
            enters: after.enters - before.enters,
            calls: after.calls - before.calls,
            allocations: after.allocations - before.allocations,
            kept: after.kept - before.kept,
        }
    }

    /// Lets the worker turn until `count` more sends have completed.
    pub fn await_sends(&mut self, count: u64) {
        let wanted = self.counts().sends + count;
        self.turn_until(|stand| stand.counts().sends >= wanted);
        // A send is counted when it is asked for. The next enter submits it; on loopback it completes there.
        self.turn();
    }

    /// Lets the worker turn until `count` more responses have gone out whole.
    pub fn await_sessions(&mut self, count: u64) {
        let wanted = self.sessions() + count;
        self.turn_until(|stand| stand.sessions() >= wanted);
    }

    /// Lets the worker turn until so many connections of clients are open.
    pub fn await_clients(&mut self, count: u64) {
        self.turn_until(|stand| stand.plane.page(0).connections_active.get() == count);
    }

    /// Lets the worker turn until a request has ended so.
    pub fn await_ending(&mut self, ending: Ending) {
        self.turn_until(|stand| stand.plane.page(0).endings.of(ending).get() > 0);
    }

    /// Sessions completed.
    pub fn sessions(&self) -> u64 {
        self.plane.page(0).outputs.of(out1()).sessions_total.get()
    }

    /// Lines of the access log for which there was no room.
    pub fn lines_dropped(&self) -> u64 {
        self.plane.log_dropped()
    }

    /// Every test ends with this: the worker stops and has nothing left.
    pub fn finish(mut self) {
        self.plane.set_order(Order::Finish);
        self.hub.wake(0);
        while self.turn() == Progress::Running {}
        assert_eq!(self.worker.leftovers(), Leftovers::default());
        drop(self.alarm);
        self.watch.join().unwrap();
    }

    fn counts(&self) -> RingCounts {
        self.worker.ring().counts()
    }

    fn turn_until(&mut self, done: impl Fn(&Stand) -> bool) {
        while !done(self) {
            let progress = self.turn();
            assert_eq!(progress, Progress::Running, "waited for too long");
        }
    }

    fn turn(&mut self) -> Progress {
        let mut progress = Progress::Running;
        let worker = &mut self.worker;
        let spent = allocation_counter::measure(|| progress = worker.turn());
        self.allocations += spent.count_total;
        self.kept += spent.count_current;
        progress
    }
}

/// Sends all of `bytes`.
pub fn put(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
}

/// Reads one message: up to the empty line, and as many bytes behind it. Nothing may follow.
pub fn get(mut stream: &TcpStream, body_bytes: usize) -> Vec<u8> {
    let mut message = vec![0; 8192];
    let mut used = 0;
    loop {
        used += match stream.read(&mut message[used..]).unwrap() {
            0 => panic!("the stream ended within a message"),
            count => count,
        };
        let head = message[..used].windows(4).position(|w| w == b"\r\n\r\n");
        let Some(head) = head else { continue };
        if used >= head + 4 + body_bytes {
            message.truncate(used);
            assert_eq!(used, head + 4 + body_bytes, "{}", message.escape_ascii());
            return message;
        }
    }
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn out1() -> OutputId {
    OutputId::from_name("out1").unwrap()
}
