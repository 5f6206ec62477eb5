use std::sync::Arc;

use proptest::prelude::*;

use crate::model::output::OutputId;
use crate::model::output::OutputSet;
use crate::plane::queue::Call;
use crate::plane::queue::Cancelled;
use crate::plane::queue::Depths;
use crate::plane::queue::Earliest;
use crate::plane::queue::Queue;
use crate::plane::queue::WaitTicket;
use crate::plane::queue::Waiter;
use crate::plane::queue::What;
use crate::plane::tests::output;

const WORKERS: usize = 2;
const CAPACITY: usize = 6;
const OUTPUTS: usize = 3;

/// The same, as plainly as can be said: everybody in one list.
#[derive(Default)]
struct Plain {
    all: Vec<Known>,
    /// Whom each worker is told of, in order.
    calls: Vec<WaitTicket>,
    most: u64,
}

#[derive(Clone, Copy)]
struct Known {
    ticket: WaitTicket,
    worker: usize,
    wants: OutputSet,
    unsure: bool,
    granted: Option<OutputId>,
}

#[derive(Clone, Debug)]
enum Op {
    Join(usize, OutputSet),
    Grant(usize),
    Choose(usize, OutputSet),
    Doubt(usize),
    DoubtAll,
    Cancel(usize),
    NextCall(usize),
}

impl Plain {
    fn waiting(&self) -> impl Iterator<Item = &Known> {
        self.all.iter().filter(|known| known.granted.is_none())
    }

    fn earliest(&self, output: OutputId) -> Earliest {
        let first = self
            .waiting()
            .find(|known| known.unsure || known.wants.contains(output));
        match first {
            None => Earliest::Nobody,
            Some(known) if known.unsure => Earliest::Unsure,
            Some(known) => Earliest::Sure(known.ticket),
        }
    }

    fn uncall(&mut self, ticket: WaitTicket) {
        self.calls.retain(|called| *called != ticket);
    }

    fn doubt_all(&mut self) {
        let waiting: Vec<_> = self.waiting().map(|known| known.ticket).collect();
        for ticket in &waiting {
            self.uncall(*ticket);
        }
        self.calls.extend(waiting);
        for known in self.all.iter_mut().filter(|k| k.granted.is_none()) {
            known.unsure = true;
        }
    }
}

/// Plays one step on both and compares what they say.
fn play(queue: &mut Queue, plain: &mut Plain, op: &Op) {
    let nth = |n: usize, plain: &Plain| {
        let waiting: Vec<_> = plain.waiting().map(|known| known.ticket).collect();
        waiting.get(n % waiting.len().max(1)).copied()
    };
    match *op {
        Op::Join(worker, wants) => join(queue, plain, worker, wants),
        Op::Grant(number) => {
            let output = output(number);
            if let Earliest::Sure(ticket) = plain.earliest(output) {
                queue.grant(ticket, output);
                let known = plain.all.iter_mut().find(|k| k.ticket == ticket).unwrap();
                known.granted = Some(output);
                plain.calls.push(ticket);
            }
        }
        Op::Choose(n, wants) => {
            if let Some(ticket) = nth(n, plain) {
                assert!(queue.choose(ticket, wants));
                plain.uncall(ticket);
                let known = plain.all.iter_mut().find(|k| k.ticket == ticket).unwrap();
                (known.wants, known.unsure) = (wants, false);
            }
        }
        Op::Doubt(n) => {
            let sure = |t: &WaitTicket| plain.waiting().any(|k| k.ticket == *t && !k.unsure);
            if let Some(ticket) = nth(n, plain).filter(sure) {
                queue.doubt(ticket);
                plain.calls.push(ticket);
                let known = plain.all.iter_mut().find(|k| k.ticket == ticket).unwrap();
                known.unsure = true;
            }
        }
        Op::DoubtAll => {
            queue.doubt_all();
            plain.doubt_all();
        }
        Op::Cancel(n) => cancel(queue, plain, n),
        Op::NextCall(worker) => next_call(queue, plain, worker),
    }
}

fn join(queue: &mut Queue, plain: &mut Plain, worker: usize, wants: OutputSet) {
    let waiter = Waiter {
        worker,
        slot: plain.all.len() as u32,
        generation: 0,
    };
    let ticket = queue.join(waiter, wants);
    assert_eq!(ticket.is_none(), plain.all.len() == CAPACITY);
    if let Some(ticket) = ticket {
        plain.all.push(Known {
            ticket,
            worker,
            wants,
            unsure: false,
            granted: None,
        });
        plain.most = plain.most.max(plain.waiting().count() as u64);
    }
}

fn cancel(queue: &mut Queue, plain: &mut Plain, n: usize) {
    let Some(known) = plain.all.get(n % plain.all.len().max(1)).copied() else {
        return;
    };
    let expected = match known.granted {
        Some(output) => Cancelled::AlreadyGranted(output),
        None => Cancelled::Gone,
    };
    assert_eq!(queue.cancel(known.ticket), expected);
    assert_eq!(queue.cancel(known.ticket), Cancelled::Collected, "once");
    plain.uncall(known.ticket);
    plain.all.retain(|other| other.ticket != known.ticket);
}

fn next_call(queue: &mut Queue, plain: &mut Plain, worker: usize) {
    let of = |ticket: &WaitTicket| plain.all.iter().find(|k| k.ticket == *ticket).unwrap();
    let next = plain.calls.iter().map(of).find(|k| k.worker == worker);
    let call = queue.next_call(worker);
    let Some(next) = next.copied() else {
        assert_eq!(call, None);
        return;
    };
    let Call { ticket, what, .. } = call.expect("the worker has to be told");
    assert_eq!(ticket, next.ticket);
    plain.uncall(ticket);
    match next.granted {
        Some(output) => {
            assert_eq!(what, What::Granted(output));
            plain.all.retain(|other| other.ticket != ticket);
        }
        None => assert_eq!(what, What::ChooseAgain),
    }
}

fn wants() -> impl Strategy<Value = OutputSet> {
    (0..1 << OUTPUTS).prop_map(|bits| {
        let wanted = (0..OUTPUTS).filter(|n| bits & 1 << n != 0);
        wanted.map(output).collect()
    })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0..WORKERS, wants()).prop_map(|(worker, wants)| Op::Join(worker, wants)),
        2 => (0..OUTPUTS).prop_map(Op::Grant),
        2 => (0..CAPACITY, wants()).prop_map(|(n, wants)| Op::Choose(n, wants)),
        1 => (0..CAPACITY).prop_map(Op::Doubt),
        1 => Just(Op::DoubtAll),
        1 => (0..CAPACITY).prop_map(Op::Cancel),
        2 => (0..WORKERS).prop_map(Op::NextCall),
    ];
    prop::collection::vec(op, 0..60)
}

proptest! {
    #[test]
    fn it_is_the_plain_list(ops in ops()) {
        let depths = Arc::new(Depths::new(OUTPUTS));
        let mut queue = Queue::new(WORKERS, CAPACITY, Arc::clone(&depths));
        let mut plain = Plain::default();
        for op in &ops {
            play(&mut queue, &mut plain, op);
            for output in (0..OUTPUTS).map(output) {
                prop_assert_eq!(queue.earliest(output), plain.earliest(output));
                let wait = plain.waiting().filter(|k| k.wants.contains(output)).count();
                prop_assert_eq!(depths.of(output).now, wait as u64);
            }
            prop_assert_eq!(depths.all().now, plain.waiting().count() as u64);
            prop_assert_eq!(depths.all().most, plain.most);
            prop_assert_eq!(queue.has_unsure(), plain.waiting().any(|k| k.unsure));
            for worker in 0..WORKERS {
                let of = |t: &WaitTicket| plain.all.iter().any(|k| k.ticket == *t && k.worker == worker);
                prop_assert_eq!(queue.has_calls(worker), plain.calls.iter().any(of));
            }
        }
    }
}
