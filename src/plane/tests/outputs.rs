use proptest::prelude::*;

use crate::model::output::OutputId;
use crate::model::output::OutputSet;
use crate::plane::outputs::OutputPlaces;
use crate::plane::outputs::QueueFull;
use crate::plane::outputs::Waited;
use crate::plane::queue::Call;
use crate::plane::queue::Cancelled;
use crate::plane::queue::Depth;
use crate::plane::queue::WaitTicket;
use crate::plane::queue::Waiter;
use crate::plane::queue::What;
use crate::plane::standing::Epoch;
use crate::plane::tests::output;

const NOW: Epoch = Epoch(0);

fn nobody(worker: usize) {
    panic!("nobody has to be woken, least of all {worker}");
}

fn waiter(worker: usize, slot: u32) -> Waiter {
    Waiter {
        worker,
        slot,
        generation: 9,
    }
}

fn only(index: usize) -> OutputSet {
    OutputSet::EMPTY.with(output(index))
}

fn line_up(places: &OutputPlaces, waiter: Waiter, wants: OutputSet) -> WaitTicket {
    match places.wait(waiter, wants, NOW, nobody) {
        Ok(Waited::Waits(ticket)) => ticket,
        other => panic!("it has to wait: {other:?}"),
    }
}

/// What worker `worker` is told: of which slot, and what.
fn told(places: &OutputPlaces, worker: usize) -> Vec<(u32, What)> {
    let mut calls = Vec::new();
    places.collect(worker, &mut calls, |_| {});
    assert!(!places.has_calls(worker));
    let each = calls.iter().map(|call| (call.waiter.slot, call.what));
    each.collect()
}

#[test]
fn a_place_given_back_goes_to_the_earliest_who_wants_it() {
    let places = OutputPlaces::new(2, 2, 10);
    places.set_maximum(output(0), 2);
    places.set_maximum(output(1), 1);
    assert!(places.try_take(output(0)) && places.try_take(output(0)));
    assert!(places.try_take(output(1)));
    assert!(!places.try_take(output(0)) && !places.has_place(output(1)));
    line_up(&places, waiter(1, 1), only(1));
    line_up(&places, waiter(0, 2), only(0).or(only(1)));
    line_up(&places, waiter(0, 3), only(0));
    assert_eq!(places.queue(), Depth { now: 3, most: 3 });
    assert_eq!(places.queue_of(output(1)), Depth { now: 2, most: 2 });
    let mut woken = Vec::new();
    for index in [0, 0, 1] {
        places.give_back(output(index), |worker| woken.push(worker));
    }
    assert_eq!(woken, [0, 1], "each worker once, until it has collected");
    let granted = |index| What::Granted(output(index));
    assert_eq!(told(&places, 0), [(2, granted(0)), (3, granted(0))]);
    assert_eq!(told(&places, 1), [(1, granted(1))]);
    assert_eq!((places.taken(output(0)), places.taken(output(1))), (2, 1));
    assert_eq!(places.queue(), Depth { now: 0, most: 3 });
    places.give_back(output(0), nobody);
    assert!(places.has_place(output(0)) && places.try_take(output(0)));
    assert_eq!(places.taken_most(output(0)), 2);
}

#[test]
fn a_place_that_came_free_before_lining_up_is_taken_at_once() {
    let places = OutputPlaces::new(1, 2, 10);
    places.set_maximum(output(1), 1);
    assert!(places.try_take(output(1)));
    assert!(!places.try_take(output(1)));
    places.give_back(output(1), nobody);
    let waited = places.wait(waiter(0, 0), only(1), NOW, nobody);
    assert_eq!(waited, Ok(Waited::Taken(output(1))));
    assert_eq!(places.queue(), Depth::default());
    places.give_back(output(1), nobody);
    assert!(places.has_place(output(1)), "no mark is left behind");
}

#[test]
fn who_gives_up_is_passed_over_or_has_a_place_to_give_back() {
    let places = OutputPlaces::new(1, 1, 10);
    places.set_maximum(output(0), 1);
    assert!(places.try_take(output(0)));
    let first = line_up(&places, waiter(0, 1), only(0));
    let second = line_up(&places, waiter(0, 2), only(0));
    assert_eq!(places.cancel(first, nobody), Cancelled::Gone);
    places.give_back(output(0), |_| {});
    let cancelled = places.cancel(second, nobody);
    assert_eq!(cancelled, Cancelled::AlreadyGranted(output(0)));
    assert_eq!(told(&places, 0), []);
    assert_eq!(places.taken(output(0)), 1);
    places.give_back(output(0), nobody);
    assert_eq!(places.taken(output(0)), 0);
}

#[test]
fn a_full_queue_refuses_and_leaves_no_mark() {
    let places = OutputPlaces::new(1, 2, 1);
    for index in [0, 1] {
        places.set_maximum(output(index), 1);
        assert!(places.try_take(output(index)));
    }
    line_up(&places, waiter(0, 1), only(0));
    let refused = places.wait(waiter(0, 2), only(1), NOW, nobody);
    assert_eq!(refused, Err(QueueFull));
    places.give_back(output(1), nobody);
    assert!(places.try_take(output(1)));
}

/// All who wait, at worker 0, choose again, and the first output; how many were asked to.
fn all_choose(places: &OutputPlaces, tickets: &[WaitTicket], epoch: Epoch) -> usize {
    places.reexamine(epoch, |_| {});
    let asked = told(places, 0);
    assert!(asked.iter().all(|(_, what)| *what == What::ChooseAgain));
    for ticket in tickets {
        places.choose(*ticket, only(0), epoch, |_| {});
    }
    asked.len()
}

#[test]
fn a_raised_maximum_lets_in_and_a_lowered_one_sends_nobody_out() {
    let places = OutputPlaces::new(1, 1, 10);
    places.set_maximum(output(0), 1);
    assert!(places.try_take(output(0)));
    let tickets = [0, 1, 2].map(|slot| line_up(&places, waiter(0, slot), only(0)));
    places.set_maximum(output(0), 3);
    let granted = What::Granted(output(0));
    assert_eq!(all_choose(&places, &tickets, Epoch(1)), 3);
    assert_eq!(told(&places, 0), [(0, granted), (1, granted)]);
    places.set_maximum(output(0), 1);
    places.give_back(output(0), nobody);
    places.give_back(output(0), nobody);
    assert_eq!((places.taken(output(0)), told(&places, 0)), (1, vec![]));
    places.set_maximum(output(0), 0);
    assert_eq!(all_choose(&places, &tickets[2..], Epoch(2)), 1);
    assert_eq!(told(&places, 0), [(2, granted)]);
    assert_eq!(places.maximum(output(0)), 0);
}

#[test]
fn a_change_lets_all_choose_again_and_keeps_their_order() {
    let places = OutputPlaces::new(2, 2, 10);
    let nothing = OutputSet::EMPTY;
    let tickets: Vec<_> = (0..3)
        .map(|slot| line_up(&places, waiter(slot as usize % 2, slot), nothing))
        .collect();
    assert!(places.has_place(output(1)), "nobody wants it yet");
    places.set_maximum(output(1), 1);
    let mut woken = Vec::new();
    places.reexamine(Epoch(1), |worker| woken.push(worker));
    assert_eq!(woken, [0, 1]);
    assert!(
        !places.try_take(output(1)),
        "those who came first choose first"
    );
    let again = What::ChooseAgain;
    assert_eq!(told(&places, 1), [(1, again)]);
    places.choose(tickets[1], only(1), Epoch(1), nobody);
    assert_eq!(told(&places, 0), [(0, again), (2, again)]);
    places.choose(tickets[0], only(1), Epoch(0), nobody);
    assert_eq!(places.taken(output(1)), 0, "chosen by what no longer holds");
    places.choose(tickets[0], only(1), Epoch(1), |_| {});
    assert_eq!(told(&places, 0), [(0, What::Granted(output(1)))]);
    assert_eq!(places.cancel(tickets[2], nobody), Cancelled::Gone);
    places.give_back(output(1), |_| {});
    assert_eq!(told(&places, 1), [(1, What::Granted(output(1)))]);
}

#[test]
fn who_gives_up_instead_of_choosing_lets_the_next_in() {
    let places = OutputPlaces::new(2, 1, 10);
    let tickets = [0, 1].map(|worker| line_up(&places, waiter(worker, 7), OutputSet::EMPTY));
    places.reexamine(Epoch(1), |_| {});
    assert_eq!(told(&places, 1), [(7, What::ChooseAgain)]);
    places.choose(tickets[1], only(0), Epoch(1), nobody);
    let mut woken = Vec::new();
    let cancelled = places.cancel(tickets[0], |worker| woken.push(worker));
    assert_eq!((cancelled, woken), (Cancelled::Gone, vec![1]));
    assert_eq!(told(&places, 1), [(7, What::Granted(output(0)))]);
}

#[test]
fn who_lines_up_by_an_old_standing_chooses_again() {
    let places = OutputPlaces::new(1, 1, 10);
    places.reexamine(Epoch(3), |_| {});
    let mut woken = 0;
    let waited = places.wait(waiter(0, 5), OutputSet::EMPTY, Epoch(2), |_| woken += 1);
    let Ok(Waited::Waits(ticket)) = waited else {
        panic!("it has to wait: {waited:?}");
    };
    assert_eq!((woken, told(&places, 0)), (1, vec![(5, What::ChooseAgain)]));
    places.choose(ticket, only(0), Epoch(3), |_| {});
    assert_eq!(told(&places, 0), [(5, What::Granted(output(0)))]);
}

/// Control's marks are taken away by the first who comes, also when those whom they were for have gone.
#[test]
fn a_change_that_nobody_waits_for_any_longer_leaves_no_mark() {
    let places = OutputPlaces::new(1, 1, 10);
    let ticket = line_up(&places, waiter(0, 1), OutputSet::EMPTY);
    places.reexamine(Epoch(1), |_| {});
    assert!(!places.has_place(output(0)));
    assert_eq!(places.cancel(ticket, nobody), Cancelled::Gone);
    assert!(places.has_place(output(0)));
    assert_eq!(told(&places, 0), []);
}

#[test]
fn each_worker_is_woken_once_until_it_has_looked() {
    let places = OutputPlaces::new(2, 1, 10);
    let mut woken = Vec::new();
    places.reexamine(Epoch(1), |worker| woken.push(worker));
    assert_eq!(told(&places, 1), []);
    places.reexamine(Epoch(2), |worker| woken.push(worker));
    assert_eq!(woken, [0, 1, 1]);
    assert!(places.has_calls(0) && places.has_calls(1));
}

#[test]
fn nothing_is_allocated_once_the_queue_stands() {
    let places = OutputPlaces::new(2, 64, 100);
    let mut calls = Vec::with_capacity(100);
    let cost = allocation_counter::measure(|| {
        for index in 7..15 {
            places.set_maximum(output(index), 1);
            assert!(places.try_take(output(index)));
        }
        for slot in 0..100 {
            line_up(
                &places,
                waiter(1, slot),
                only(7).or(only(slot as usize % 8 + 7)),
            );
        }
    });
    assert_eq!(cost.count_total, 0);
    let cost = allocation_counter::measure(|| {
        places.reexamine(Epoch(1), |_| {});
        places.collect(1, &mut calls, |_| {});
    });
    assert_eq!((cost.count_total, calls.len()), (0, 100));
}

#[derive(Clone, Debug)]
enum Op {
    Come(usize, usize),
    Leave(usize),
    GiveUp(usize),
    Collect(usize),
    Change,
    Limit(usize, u64),
}

/// Sessions on two workers, at two outputs.
struct World {
    places: OutputPlaces,
    epoch: Epoch,
    inside: Vec<OutputId>,
    waiting: Vec<WaitTicket>,
    next_slot: u32,
}

impl World {
    fn play(&mut self, op: &Op) {
        match *op {
            Op::Come(worker, which) => self.come(worker, which),
            Op::Leave(n) if n < self.inside.len() => {
                let output = self.inside.swap_remove(n);
                self.places.give_back(output, |_| {});
            }
            Op::GiveUp(n) if n < self.waiting.len() => {
                let ticket = self.waiting.remove(n);
                match self.places.cancel(ticket, |_| {}) {
                    Cancelled::Gone => {}
                    Cancelled::AlreadyGranted(output) => self.inside.push(output),
                    Cancelled::Collected => panic!("it was not collected"),
                }
            }
            Op::Collect(worker) => self.collect(worker),
            Op::Change => self.change(),
            Op::Limit(index, maximum) => {
                self.places.set_maximum(output(index), maximum);
                self.change();
            }
            Op::Leave(_) | Op::GiveUp(_) => {}
        }
    }

    fn change(&mut self) {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.places.reexamine(self.epoch, |_| {});
    }

    fn come(&mut self, worker: usize, which: usize) {
        let wants = [only(0), only(1), only(0).or(only(1))][which];
        if let Some(output) = wants.iter().find(|output| self.places.try_take(*output)) {
            self.inside.push(output);
            return;
        }
        self.next_slot += 1;
        let waiter = waiter(worker, self.next_slot);
        match self.places.wait(waiter, wants, self.epoch, |_| {}) {
            Ok(Waited::Taken(output)) => self.inside.push(output),
            Ok(Waited::Waits(ticket)) => self.waiting.push(ticket),
            Err(QueueFull) => {}
        }
    }

    fn collect(&mut self, worker: usize) {
        let mut calls: Vec<Call> = Vec::new();
        self.places.collect(worker, &mut calls, |_| {});
        for call in calls {
            match call.what {
                What::Granted(output) => {
                    self.waiting.retain(|ticket| *ticket != call.ticket);
                    self.inside.push(output);
                }
                What::ChooseAgain => {
                    let wants = only(call.waiter.slot as usize % 2);
                    self.places.choose(call.ticket, wants, self.epoch, |_| {});
                }
            }
        }
    }

    /// Places that were granted and not yet collected are taken, too.
    fn held(&self, output: OutputId) -> usize {
        self.inside.iter().filter(|held| **held == output).count()
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        5 => (0..2usize, 0..3usize).prop_map(|(worker, which)| Op::Come(worker, which)),
        4 => (0..6usize).prop_map(Op::Leave),
        1 => (0..6usize).prop_map(Op::GiveUp),
        3 => (0..2usize).prop_map(Op::Collect),
        1 => Just(Op::Change),
        1 => (0..2usize, 1..4u64).prop_map(|(index, maximum)| Op::Limit(index, maximum)),
    ];
    prop::collection::vec(op, 0..80)
}

proptest! {
    #[test]
    fn no_place_is_lost_or_doubled_and_nobody_waits_for_a_free_one(ops in ops()) {
        let mut world = World {
            places: OutputPlaces::new(2, 2, 6),
            epoch: NOW,
            inside: Vec::new(),
            waiting: Vec::new(),
            next_slot: 0,
        };
        for index in [0, 1] {
            world.places.set_maximum(output(index), 2);
        }
        for op in &ops {
            world.play(op);
            for output in [0, 1].map(output) {
                prop_assert!(world.places.taken(output) >= world.held(output) as u64);
            }
        }
        for _ in 0..200 {
            while let Some(worker) = (0..2).find(|worker| world.places.has_calls(*worker)) {
                world.play(&Op::Collect(worker));
            }
            for output in [0, 1].map(output) {
                let (taken, waiting) = (world.places.taken(output), world.places.queue_of(output).now);
                prop_assert_eq!(taken, world.held(output) as u64);
                prop_assert!(waiting == 0 || taken >= world.places.maximum(output));
            }
            world.play(&Op::Leave(0));
        }
        prop_assert!(world.waiting.is_empty() && world.inside.is_empty());
        prop_assert!(world.places.has_place(output(0)) && world.places.has_place(output(1)));
    }
}
