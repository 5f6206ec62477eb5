//! The workers' threads: started together or not at all, woken by orders, joined at the end.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::thread;
use std::thread::JoinHandle;

use nix::errno::Errno;

use crate::balance::table::LearnedSession;
use crate::model::amount::Bandwidth;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::standing::Health;
use crate::model::standing::Switch;
use crate::plane::Order;
use crate::plane::Plane;
use crate::plane::snapshot::Desk;
use crate::ring::inbox::Hub;
use crate::ring::kernel::KernelRing;
use crate::ring::kernel::RingError;
use crate::ring::kernel::RingSetup;
use crate::ring::port::Ring;
use crate::ring::socket::Locality;
use crate::ring::socket::Reservation;
use crate::ring::socket::probe_bind_of;
use crate::ring::thread::block_signals;
use crate::ring::thread::own_table;
use crate::ring::thread::pin;
use crate::worker::Learning;
pub use crate::worker::Leftovers;
use crate::worker::Progress;
use crate::worker::Worker;

/// What the workers are started with.
#[derive(Clone)]
pub struct WorkersSetup {
    pub plan: Arc<Plan>,
    /// One core for each worker; `None` leaves it where the kernel puts it.
    pub cores: Vec<Option<usize>>,
    /// Buffers of each worker.
    pub small_buffers: u32,
    pub large_buffers: u32,
    pub pipes: u32,
    /// What all workers may send together.
    pub bandwidth: Option<Bandwidth>,
    /// What may wait in each socket in each direction.
    pub socket_bytes: Option<usize>,
    pub learning: Learning,
    /// What is known from before.
    pub known: Known,
}

/// What outlived the process before this one, and where the next copy is asked for.
#[derive(Clone, Default)]
pub struct Known {
    /// Learned sessions, least recently used first.
    pub sessions: Arc<Vec<LearnedSession>>,
    /// What operators ordered; all other outputs are enabled.
    pub switches: Vec<(OutputId, Switch)>,
    /// Where the first worker hands out its learned sessions.
    pub desks: Vec<Arc<Desk<LearnedSession>>>,
    /// Whether other servers are to know what workers learn.
    pub mirrored: bool,
}

/// What workers leave.
#[derive(Default)]
pub struct Ended {
    pub left: Vec<Leftovers>,
    /// Learned sessions as the first worker knew them, least recently used first.
    pub sessions: Vec<LearnedSession>,
}

/// Why they could not be started.
#[derive(Debug)]
pub enum WorkersError {
    /// One of the addresses of `in` cannot be listened on.
    Listen(SocketAddr, Errno),
    /// The means for workers to reach each other could not be opened.
    Hub(Errno),
    Thread(std::io::Error),
    /// A worker's thread ended before it had said anything.
    Lost,
    Signals(Errno),
    DescriptorTable(Errno),
    Ring(RingError),
}

impl fmt::Display for WorkersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkersError::Listen(address, Errno::EADDRINUSE) => {
                write!(
                    f,
                    "cannot listen on {address}: another program listens there"
                )
            }
            WorkersError::Listen(address, Errno::EACCES) => write!(
                f,
                "cannot listen on {address}: ports below 1024 need CAP_NET_BIND_SERVICE \
                 (`setcap cap_net_bind_service=+ep halb`, or AmbientCapabilities in the unit)"
            ),
            WorkersError::Listen(address, errno) => {
                write!(f, "cannot listen on {address}: {}", errno.desc())
            }
            WorkersError::Hub(errno) => {
                write!(f, "no descriptors for the workers' doors: {}", errno.desc())
            }
            WorkersError::Thread(error) => write!(f, "cannot start a worker's thread: {error}"),
            WorkersError::Lost => write!(f, "a worker's thread ended at once"),
            WorkersError::Signals(errno) => {
                write!(f, "cannot keep signals from a worker: {}", errno.desc())
            }
            WorkersError::DescriptorTable(errno) => {
                write!(
                    f,
                    "no descriptor table of its own for a worker: {}",
                    errno.desc()
                )
            }
            WorkersError::Ring(error) => write!(f, "{error}"),
        }
    }
}

/// Running workers.
pub struct Workers {
    plane: Arc<Plane>,
    hub: Arc<Hub>,
    plan: Arc<Plan>,
    threads: Vec<JoinHandle<(Leftovers, Vec<LearnedSession>)>>,
}

impl Workers {
    /// Starts one worker per core given; returns when all of them listen, or none is left.
    pub fn start(setup: &WorkersSetup) -> Result<Workers, WorkersError> {
        let count = setup.cores.len();
        let reserve = |address: &SocketAddr| {
            let locality = Locality::virtual_if(setup.plan.is_virtual(address));
            probe_bind_of(address, locality).map_err(|errno| WorkersError::Listen(*address, errno))
        };
        let reserved: Vec<Reservation> = setup
            .plan
            .listen
            .iter()
            .map(reserve)
            .collect::<Result<_, _>>()?;
        let plan = Arc::new(Plan {
            listen: reserved.iter().map(|held| held.address).collect(),
            ..Plan::clone(&setup.plan)
        });
        let hub = Arc::new(Hub::new(count).map_err(WorkersError::Hub)?);
        let plane = Plane::new(count, setup.plan.max_connections);
        let plane = Arc::new(plane.limited(setup.bandwidth));
        plane.set_maxima(&setup.plan);
        if setup.known.mirrored {
            plane.open_exchange();
        }
        for output in setup.plan.outputs.iter() {
            plane.set_health(output.id, Health::Checking, |_| {}); // until the first probe
        }
        for (output, switch) in &setup.known.switches {
            plane.set_switch(*output, *switch, |_| {}); // nobody is there yet to be woken
        }
        let mut workers = Workers {
            plane,
            hub,
            plan,
            threads: Vec::with_capacity(count),
        };
        let (ready, started) = mpsc::channel();
        for (index, core) in setup.cores.iter().enumerate() {
            let seat = Seat {
                index,
                core: *core,
                setup: WorkersSetup {
                    plan: Arc::clone(&workers.plan),
                    ..setup.clone()
                },
                plane: Arc::clone(&workers.plane),
                hub: Arc::clone(&workers.hub),
            };
            let ready = ready.clone();
            let builder = thread::Builder::new().name(format!("halb-worker-{index}"));
            let thread = builder
                .spawn(move || seat.work(&ready))
                .map_err(WorkersError::Thread);
            match thread {
                Ok(thread) => workers.threads.push(thread),
                Err(error) => return Err(workers.give_up(error)),
            }
        }
        drop(ready);
        workers.await_all(&started)
    }

    /// The addresses of `in`, with the ports the kernel chose where 0 was asked.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.plan.listen
    }

    /// The plan they started with, which says these addresses.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The memory shared with them.
    pub fn plane(&self) -> &Arc<Plane> {
        &self.plane
    }

    /// The means to give orders, also after the workers were handed to whoever joins them.
    pub fn orders(&self) -> Orders {
        Orders {
            plane: Arc::clone(&self.plane),
            hub: Arc::clone(&self.hub),
        }
    }

    /// The means to wake them.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Waits until all have ended; what each had left over by then.
    pub fn join(self) -> Ended {
        let mut ended = Ended::default();
        for thread in self.threads {
            let Ok((left, sessions)) = thread.join() else {
                continue;
            };
            ended.left.push(left);
            if !sessions.is_empty() {
                ended.sessions = sessions; // the first worker's: the others give none
            }
        }
        ended
    }

    fn await_all(
        self,
        started: &Receiver<Result<(), WorkersError>>,
    ) -> Result<Workers, WorkersError> {
        for _ in 0..self.threads.len() {
            match started.recv() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(self.give_up(error)),
                Err(mpsc::RecvError) => return Err(self.give_up(WorkersError::Lost)),
            }
        }
        Ok(self)
    }

    fn give_up(self, error: WorkersError) -> WorkersError {
        self.orders().give(Order::Stop);
        self.join();
        error
    }
}

/// Gives orders to workers.
#[derive(Clone)]
pub struct Orders {
    plane: Arc<Plane>,
    hub: Arc<Hub>,
}

impl Orders {
    /// Who has been told to stop is not told anything else.
    pub fn give(&self, order: Order) {
        if self.plane.order() == Order::Stop {
            return;
        }
        self.plane.set_order(order);
        for worker in 0..self.hub.workers() {
            self.hub.wake(worker);
        }
    }
}

/// Everything one worker's thread begins with.
struct Seat {
    index: usize,
    core: Option<usize>,
    setup: WorkersSetup,
    plane: Arc<Plane>,
    hub: Arc<Hub>,
}

impl Seat {
    fn work(self, ready: &Sender<Result<(), WorkersError>>) -> (Leftovers, Vec<LearnedSession>) {
        let mut worker = match self.prepare() {
            Ok(worker) => worker,
            Err(error) => {
                drop(ready.send(Err(error))); // nobody listens any more when another failed first
                return Default::default();
            }
        };
        drop(ready.send(Ok(())));
        while worker.turn() == Progress::Running {}
        // All know the same, so that one copy is enough.
        let sessions = if self.index == 0 {
            worker.sessions()
        } else {
            Vec::new()
        };
        (worker.leftovers(), sessions)
    }

    fn prepare(&self) -> Result<Worker<KernelRing>, WorkersError> {
        block_signals().map_err(WorkersError::Signals)?;
        own_table(&self.hub.descriptors()).map_err(WorkersError::DescriptorTable)?;
        if let Some(core) = self.core {
            // A core that has been taken away meanwhile costs speed, not correctness.
            let _kept_where_it_is = pin(core);
        }
        let mut ring = KernelRing::new(RingSetup {
            small_buffers: self.setup.small_buffers,
            large_buffers: self.setup.large_buffers,
            pipes: self.setup.pipes,
            socket_bytes: self.setup.socket_bytes,
            hub: Arc::clone(&self.hub),
            index: self.index,
        })
        .map_err(WorkersError::Ring)?;
        let listen = |address: &SocketAddr| {
            let opened = match self.setup.plan.is_virtual(address) {
                true => ring.listen_virtual(address),
                false => ring.listen(address),
            };
            opened.map_err(|errno| WorkersError::Listen(*address, errno))
        };
        let listeners = self
            .setup
            .plan
            .listen
            .iter()
            .map(listen)
            .collect::<Result<_, _>>()?;
        let (plan, plane) = (Arc::clone(&self.setup.plan), Arc::clone(&self.plane));
        let learning = self.setup.learning.clone();
        let mut worker = Worker::new(ring, self.index, listeners, plan, plane, learning);
        let known = &self.setup.known;
        worker.restore(&known.sessions);
        for desk in known.desks.iter().filter(|_| self.index == 0) {
            worker.attend(Arc::clone(desk));
        }
        Ok(worker)
    }
}

#[cfg(test)]
mod tests;
