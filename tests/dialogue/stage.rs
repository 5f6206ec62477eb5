//! A worker between the test's own clients and outputs.

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use halb::balance::hash::HashKey;
use halb::model::load;
use halb::model::plan::Plan;
use halb::plane::Order;
use halb::plane::Plane;
use halb::ring::inbox::Hub;
use halb::ring::kernel::KernelRing;
use halb::ring::kernel::RingSetup;
use halb::ring::port::Ring;
use halb::ring::socket;
use halb::worker::Learning;
use halb::worker::Leftovers;
use halb::worker::Progress;
use halb::worker::Worker;
use socket2::Domain;
use socket2::SockRef;
use socket2::Socket;
use socket2::Type;

use crate::pace::Pace;
use crate::pace::PacedRing;

/// Longer than anything takes, also on a busy machine. Nothing waits so long unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a worker is started with, besides the addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Properties, as TOML.
    pub properties: String,
    pub outputs: usize,
    /// Those that refuse connections, by number.
    pub refusing: Vec<usize>,
    /// Files that the properties name, with what is in them.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Setting {
    /// One output, and the defaults, but for what would be added to requests.
    pub fn plain() -> Setting {
        Setting {
            properties: "forwarded = false\n".to_owned(),
            outputs: 1,
            refusing: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// A worker that runs, with everything around it.
pub struct Stage {
    pub setting: Setting,
    pub pace: Arc<Pace>,
    address: SocketAddr,
    outputs: Vec<Output>,
    /// Those of the outputs, as the configuration names them.
    pub addresses: Vec<String>,
    plane: Arc<Plane>,
    hub: Arc<Hub>,
    left: Receiver<Leftovers>,
    thread: JoinHandle<()>,
}

enum Output {
    Open(TcpListener),
    /// Bound, and not listening.
    Refusing(Socket),
}

impl Stage {
    pub fn new(setting: &Setting) -> Stage {
        let outputs: Vec<Output> = (1..=setting.outputs)
            .map(|number| Output::new(setting.refusing.contains(&number)))
            .collect();
        let addresses: Vec<String> = outputs.iter().map(Output::address).collect();
        let plan = Arc::new(plan(setting, &addresses));
        let hub = Arc::new(Hub::new(1).unwrap());
        let plane = Arc::new(Plane::new(1, plan.max_connections));
        plane.set_maxima(&plan);
        let pace = Arc::new(Pace::new());
        let (say, started) = mpsc::channel();
        let (done, left) = mpsc::channel();
        let seat = Seat {
            plan,
            hub: Arc::clone(&hub),
            plane: Arc::clone(&plane),
            pace: Arc::clone(&pace),
        };
        let thread = thread::spawn(move || seat.work(&say, &done));
        Stage {
            setting: setting.clone(),
            pace,
            address: started
                .recv()
                .expect("the worker says why it does not start"),
            outputs,
            addresses,
            plane,
            hub,
            left,
            thread,
        }
    }

    /// A new client.
    pub fn client(&self) -> io::Result<TcpStream> {
        patient(TcpStream::connect(self.address)?)
    }

    /// The next connection to an output, counted from zero.
    pub fn accept(&self, output: usize) -> io::Result<TcpStream> {
        match &self.outputs[output] {
            Output::Open(listener) => patient(listener.accept()?.0),
            Output::Refusing(_) => Err(io::Error::other("it refuses connections")),
        }
    }

    /// The first output's listener, for a test that serves it by itself.
    pub fn listener(&self) -> TcpListener {
        match &self.outputs[0] {
            Output::Open(listener) => listener.try_clone().unwrap(),
            Output::Refusing(_) => panic!("it refuses connections"),
        }
    }

    /// Whether there is a connection that nobody has accepted.
    pub fn has_unexpected(&self) -> Option<usize> {
        let waits = |output: &Output| match output {
            Output::Open(listener) => {
                listener.set_nonblocking(true).unwrap();
                let waits = listener.accept().is_ok();
                listener.set_nonblocking(false).unwrap();
                waits
            }
            Output::Refusing(_) => false,
        };
        self.outputs.iter().position(waits)
    }

    /// The worker finishes, which it can at once when nothing is under way, and has nothing left.
    pub fn finish(self) -> Result<(), String> {
        self.order(Order::Finish);
        let in_time = self.left.recv_timeout(PATIENCE);
        if in_time.is_err() {
            self.order(Order::Stop);
        }
        let ended = self.thread.join();
        let left = in_time.map_err(|_| match ended {
            Ok(()) => "the worker did not come to rest: something is still under way",
            Err(_) => "the worker panicked",
        })?;
        if left == Leftovers::default() {
            Ok(())
        } else {
            Err(format!("the worker has left: {left}"))
        }
    }

    /// Stops without a look at what is left: something has failed already.
    pub fn abandon(self) {
        self.order(Order::Stop);
        drop(self.thread.join());
    }

    fn order(&self, order: Order) {
        self.plane.set_order(order);
        self.hub.wake(0);
    }
}

impl Output {
    fn new(refusing: bool) -> Output {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        if refusing {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&any.into()).unwrap();
            return Output::Refusing(socket);
        }
        let listener = TcpListener::bind(any).unwrap();
        // For accepting, too (socket(7)).
        SockRef::from(&listener)
            .set_read_timeout(Some(PATIENCE))
            .unwrap();
        Output::Open(listener)
    }

    fn address(&self) -> String {
        let address = match self {
            Output::Open(listener) => listener.local_addr().unwrap(),
            Output::Refusing(socket) => socket.local_addr().unwrap().as_socket().unwrap(),
        };
        address.to_string()
    }
}

/// What the worker's thread begins with.
struct Seat {
    plan: Arc<Plan>,
    hub: Arc<Hub>,
    plane: Arc<Plane>,
    pace: Arc<Pace>,
}

impl Seat {
    fn work(self, say: &Sender<SocketAddr>, done: &Sender<Leftovers>) {
        let ring = KernelRing::new(RingSetup {
            small_buffers: 128,
            large_buffers: 16,
            pipes: 4,
            socket_bytes: None,
            hub: self.hub,
            index: 0,
        });
        let mut ring = ring.unwrap_or_else(|error| panic!("{error}"));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let reserved = socket::probe_bind(&any).unwrap();
        let listener = ring.listen(&reserved.address).unwrap();
        let ring = PacedRing::new(ring, self.pace);
        let mut worker = Worker::new(
            ring,
            0,
            vec![listener],
            self.plan,
            self.plane,
            Learning {
                hash: HashKey::from_bytes([7; HashKey::LENGTH]),
                capacity: 1000,
            },
        );
        say.send(reserved.address).unwrap();
        while worker.turn() == Progress::Running {}
        // Nobody listens any more when it took too long.
        let _ = done.send(worker.leftovers());
    }
}

/// What a worker is to know: the defaults, but for what the setting says.
fn plan(setting: &Setting, outputs: &[String]) -> Plan {
    let mut text = setting.properties.clone();
    for (number, address) in (1..).zip(outputs) {
        text.push_str(&format!("out{number} = \"{address}\"\n"));
    }
    // A session that hangs has to be seen, not cut off.
    text.push_str("grace = 3600\n");
    let loaded = load::load(&load::Sources {
        file: Some(load::File {
            name: "dialogue",
            bytes: text.as_bytes(),
        }),
        environment: &[],
        sets: &[],
        node: None,
        host_name: None,
        read: &|path| {
            let file = setting
                .files
                .iter()
                .find(|(name, _)| Path::new(name) == path);
            file.map(|(_, bytes)| bytes.clone())
                .ok_or_else(|| "there is none".to_owned())
        },
    });
    let config = loaded
        .unwrap_or_else(|refused| panic!("{refused:?}\n{text}"))
        .config;
    Plan::from_config(&config, |_| None, u64::MAX)
}

fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
