//! Who waits for a place of an output, in the order of arrival. It is one's at a time: [`crate::plane::outputs`] keeps
//! it behind a lock. How many wait is in words of their own, for whoever looks.
//!
//! A waiter names the outputs it would go to. Those with the same wish stand in one line, so that the earliest
//! for an output is found among the heads of a few lines, however many wait for others.
//!
//! Whoever has to choose again keeps its number. Until it has chosen it might want any output, so nobody behind
//! it is served before.

use std::sync::Arc;

use crate::model::output::OutputId;
use crate::model::output::OutputSet;
use crate::plane::chain::Chain;
use crate::plane::chain::Index;
use crate::plane::chain::List;
use crate::plane::sync::AtomicU64;
use crate::plane::sync::Ordering;

/// A session that waits, as its worker knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiter {
    pub worker: usize,
    pub slot: u32,
    pub generation: u32,
}

/// Names a waiter until it was called with a grant or has gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitTicket {
    index: Index,
    /// Which life of the index.
    life: u32,
}

/// What a worker has to do for one of its waiters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    pub waiter: Waiter,
    pub ticket: WaitTicket,
    pub what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// It holds a place of this output now. Its ticket is spent.
    Granted(OutputId),
    /// The outputs stand differently: it chooses again, or gives up.
    ChooseAgain,
}

/// What had become of somebody who gives up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cancelled {
    /// It waited, and waits no longer.
    Gone,
    /// It had been given a place of this output, which is its worker's to give back.
    AlreadyGranted(OutputId),
    /// Its worker has already collected its grant: the place is in its hands.
    Collected,
}

/// Sessions waiting: now, and the most there ever were.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Depth {
    pub now: u64,
    pub most: u64,
}

/// How many wait: written by whoever has the queue, read by anybody at any time.
pub(super) struct Depths {
    outputs: Box<[DepthWords]>,
    all: DepthWords,
}

#[derive(Default)]
struct DepthWords {
    now: AtomicU64,
    most: AtomicU64,
}

/// The earliest of those who want an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Earliest {
    Nobody,
    /// It will take a place at once.
    Sure(WaitTicket),
    /// It has to choose again first.
    Unsure,
}

/// The whole queue.
pub(super) struct Queue {
    capacity: usize,
    nodes: Vec<Node>,
    free: Vec<Index>,
    /// The order among those who wait.
    order: Chain,
    /// Those who have to choose again.
    unsure: List,
    /// All others; a line that became empty is taken away.
    lines: Vec<Line>,
    /// The order among those whom a worker has to be told of.
    calling: Chain,
    calls: Vec<List>,
    /// A worker has to be told of something since it was asked whether one has.
    has_news: bool,
    arrivals: u64,
    depths: Arc<Depths>,
}

struct Line {
    wants: OutputSet,
    list: List,
}

struct Node {
    life: u32,
    state: State,
    called: bool,
    waiter: Waiter,
    arrival: u64,
    wants: OutputSet,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Free,
    Sure,
    Unsure,
    Granted(OutputId),
}

impl Queue {
    /// `depths` are of no other queue.
    pub fn new(workers: usize, capacity: usize, depths: Arc<Depths>) -> Queue {
        let capacity = capacity.min(Index::MAX as usize);
        Queue {
            capacity,
            nodes: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            order: Chain::new(capacity),
            unsure: List::default(),
            lines: Vec::with_capacity(capacity),
            calling: Chain::new(capacity),
            calls: vec![List::default(); workers],
            has_news: false,
            arrivals: 0,
            depths,
        }
    }

    /// Lines up at the end. `None`: there is no room.
    pub fn join(&mut self, waiter: Waiter, wants: OutputSet) -> Option<WaitTicket> {
        let index = self.lease()?;
        let arrival = self.arrivals;
        self.arrivals += 1;
        let node = &mut self.nodes[index as usize];
        node.waiter = waiter;
        node.arrival = arrival;
        node.wants = wants;
        let life = node.life;
        self.depths.add(wants);
        self.line_up(index, State::Sure);
        Some(WaitTicket { index, life })
    }

    /// Who is next for `output`.
    pub fn earliest(&self, output: OutputId) -> Earliest {
        let lines = self.lines.iter().filter(|l| l.wants.contains(output));
        let heads = lines.map(|l| l.list).chain([self.unsure]);
        let first = heads
            .filter_map(|list| list.first())
            .min_by_key(|index| self.node(*index).arrival);
        match first.map(|index| (index, self.node(index))) {
            None => Earliest::Nobody,
            Some((_, node)) if node.state == State::Unsure => Earliest::Unsure,
            Some((index, node)) => Earliest::Sure(WaitTicket {
                index,
                life: node.life,
            }),
        }
    }

    /// A place of `output` is handed to the holder of `ticket`, who waits.
    pub fn grant(&mut self, ticket: WaitTicket, output: OutputId) {
        let index = ticket.index;
        self.leave_line(index);
        self.depths.sub(self.node(index).wants);
        self.nodes[index as usize].state = State::Granted(output);
        self.call(index);
    }

    /// What the holder of `ticket` may want: all while it has to choose again, nothing when it does not wait.
    pub fn wants(&self, ticket: WaitTicket) -> OutputSet {
        match self.find(ticket).map(|node| (node.state, node.wants)) {
            Some((State::Sure, wants)) => wants,
            Some((State::Unsure, _)) => OutputSet::ALL,
            Some((State::Granted(_) | State::Free, _)) | None => OutputSet::EMPTY,
        }
    }

    /// Whether somebody has to choose again.
    pub fn has_unsure(&self) -> bool {
        !self.unsure.is_empty()
    }

    /// The holder of `ticket` wants these instead, and keeps its number. `false`: it does not wait.
    pub fn choose(&mut self, ticket: WaitTicket, wants: OutputSet) -> bool {
        if !self.waits(ticket) {
            return false;
        }
        self.leave_line(ticket.index);
        self.uncall(ticket.index);
        self.depths.sub(self.node(ticket.index).wants);
        self.nodes[ticket.index as usize].wants = wants;
        self.depths.add(wants);
        self.line_up(ticket.index, State::Sure);
        true
    }

    /// The holder of `ticket`, who waits, has to choose again, and its worker is told.
    pub fn doubt(&mut self, ticket: WaitTicket) {
        self.leave_line(ticket.index);
        self.line_up(ticket.index, State::Unsure);
        self.call(ticket.index);
    }

    /// Everybody has to choose again; each worker is told in the order of arrival.
    pub fn doubt_all(&mut self) {
        while let Some(index) = self.earliest_sure() {
            self.leave_line(index);
            self.line_up(index, State::Unsure);
        }
        let mut next = self.unsure.first();
        while let Some(index) = next {
            next = self.order.after(index);
            self.uncall(index);
            self.call(index);
        }
    }

    /// The holder of `ticket` gives up.
    pub fn cancel(&mut self, ticket: WaitTicket) -> Cancelled {
        let Some(node) = self.find(ticket) else {
            return Cancelled::Collected;
        };
        let (state, wants) = (node.state, node.wants);
        self.uncall(ticket.index);
        match state {
            State::Granted(output) => {
                self.release(ticket.index);
                Cancelled::AlreadyGranted(output)
            }
            State::Sure | State::Unsure => {
                self.leave_line(ticket.index);
                self.depths.sub(wants);
                self.release(ticket.index);
                Cancelled::Gone
            }
            State::Free => Cancelled::Collected,
        }
    }

    /// The next of what `worker` has to do, in order.
    pub fn next_call(&mut self, worker: usize) -> Option<Call> {
        let index = self.calls[worker].first()?;
        self.uncall(index);
        let node = self.node(index);
        let (state, waiter, life) = (node.state, node.waiter, node.life);
        let what = match state {
            State::Granted(output) => {
                self.release(index);
                What::Granted(output)
            }
            State::Sure | State::Unsure | State::Free => What::ChooseAgain,
        };
        Some(Call {
            waiter,
            ticket: WaitTicket { index, life },
            what,
        })
    }

    /// Whether `worker` has to be told of something.
    pub fn has_calls(&self, worker: usize) -> bool {
        !self.calls[worker].is_empty()
    }

    /// Whether some worker has to be told of something that was not so when this was asked last.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    fn node(&self, index: Index) -> &Node {
        &self.nodes[index as usize]
    }

    fn find(&self, ticket: WaitTicket) -> Option<&Node> {
        let node = self.nodes.get(ticket.index as usize)?;
        (node.life == ticket.life && node.state != State::Free).then_some(node)
    }

    fn waits(&self, ticket: WaitTicket) -> bool {
        let node = self.find(ticket);
        node.is_some_and(|node| matches!(node.state, State::Sure | State::Unsure))
    }

    fn earliest_sure(&self) -> Option<Index> {
        let heads = self.lines.iter().filter_map(|line| line.list.first());
        heads.min_by_key(|index| self.node(*index).arrival)
    }

    /// Into the line it belongs to, at the place its number gives it: nearly always the end.
    fn line_up(&mut self, index: Index, state: State) {
        let node = &mut self.nodes[index as usize];
        node.state = state;
        let (wants, arrival) = (node.wants, node.arrival);
        let Queue {
            nodes,
            order,
            unsure,
            lines,
            ..
        } = self;
        let list = match state {
            State::Unsure => unsure,
            State::Sure | State::Granted(_) | State::Free => line(lines, wants),
        };
        let mut before = list.last();
        while let Some(other) = before
            && nodes[other as usize].arrival > arrival
        {
            before = order.before(other);
        }
        order.insert_after(list, before, index);
    }

    fn leave_line(&mut self, index: Index) {
        let Node { state, wants, .. } = self.nodes[index as usize];
        if state == State::Unsure {
            self.order.remove(&mut self.unsure, index);
            return;
        }
        let place = self.lines.iter().position(|line| line.wants == wants);
        let place = place.expect("who waits stands in a line");
        self.order.remove(&mut self.lines[place].list, index);
        if self.lines[place].list.is_empty() {
            self.lines.swap_remove(place);
        }
    }

    fn call(&mut self, index: Index) {
        let node = &mut self.nodes[index as usize];
        if !std::mem::replace(&mut node.called, true) {
            let calls = &mut self.calls[node.waiter.worker];
            self.calling.push_back(calls, index);
            self.has_news = true;
        }
    }

    fn uncall(&mut self, index: Index) {
        let node = &mut self.nodes[index as usize];
        if std::mem::take(&mut node.called) {
            let calls = &mut self.calls[node.waiter.worker];
            self.calling.remove(calls, index);
        }
    }

    /// An index for somebody who comes. Memory is reserved whole and becomes resident as it is first used.
    fn lease(&mut self) -> Option<Index> {
        let used = self.nodes.len();
        if self.free.is_empty() && used < self.capacity {
            self.nodes.push(Node::free());
            self.order.extend();
            self.calling.extend();
            return Index::try_from(used).ok();
        }
        self.free.pop()
    }

    fn release(&mut self, index: Index) {
        let node = &mut self.nodes[index as usize];
        node.state = State::Free;
        node.life = node.life.wrapping_add(1);
        self.free.push(index);
    }
}

impl Depths {
    /// For the first `outputs` outputs.
    pub fn new(outputs: usize) -> Depths {
        Depths {
            outputs: (0..outputs).map(|_| DepthWords::default()).collect(),
            all: DepthWords::default(),
        }
    }

    /// Who waits for `output`, also when another would do as well.
    pub fn of(&self, output: OutputId) -> Depth {
        self.outputs[output.index()].read()
    }

    /// Who waits at all, each counted once.
    pub fn all(&self) -> Depth {
        self.all.read()
    }

    fn add(&self, wants: OutputSet) {
        for output in wants.iter() {
            self.outputs[output.index()].add();
        }
        self.all.add();
    }

    fn sub(&self, wants: OutputSet) {
        for output in wants.iter() {
            self.outputs[output.index()].sub();
        }
        self.all.sub();
    }
}

/// Whoever has the queue is the only one to write, so that loads and stores do.
impl DepthWords {
    fn add(&self) {
        let now = self.now.load(Ordering::Relaxed) + 1;
        self.now.store(now, Ordering::Relaxed);
        if now > self.most.load(Ordering::Relaxed) {
            self.most.store(now, Ordering::Relaxed);
        }
    }

    fn sub(&self) {
        let now = self.now.load(Ordering::Relaxed);
        self.now.store(now - 1, Ordering::Relaxed);
    }

    fn read(&self) -> Depth {
        let now = self.now.load(Ordering::Relaxed);
        let most = self.most.load(Ordering::Relaxed);
        Depth {
            now,
            most: most.max(now), // the look may have come between both
        }
    }
}

impl Node {
    fn free() -> Node {
        Node {
            life: 0,
            state: State::Free,
            called: false,
            waiter: Waiter {
                worker: 0,
                slot: 0,
                generation: 0,
            },
            arrival: 0,
            wants: OutputSet::EMPTY,
        }
    }
}

/// The line of those with this wish; a new one if there is none.
fn line(lines: &mut Vec<Line>, wants: OutputSet) -> &mut List {
    let place = lines.iter().position(|line| line.wants == wants);
    let place = place.unwrap_or_else(|| {
        lines.push(Line {
            wants,
            list: List::default(),
        });
        lines.len() - 1
    });
    &mut lines[place].list
}
