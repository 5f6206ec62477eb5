//! Places at the outputs and the queue for them.

use std::sync::Arc;

use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering;
use loom::thread;

use crate::Bells;
use crate::model::output::OutputId;
use crate::model::output::OutputSet;
use crate::model::standing::Health;
use crate::plane::advance;
use crate::plane::outputs::OutputPlaces;
use crate::plane::outputs::Waited;
use crate::plane::queue::Cancelled;
use crate::plane::queue::WaitTicket;
use crate::plane::queue::Waiter;
use crate::plane::queue::What;
use crate::plane::set_health;
use crate::plane::standing::Epoch;
use crate::plane::standing::Standings;
use crate::plane::sync::waiting_for_nobody;
use crate::try_all_orders;

struct House {
    places: OutputPlaces,
    standings: Standings,
    bells: Arc<Bells>,
    inside: Vec<AtomicU64>,
    /// Numbers those who come in.
    entered: AtomicU64,
}

fn output(index: usize) -> OutputId {
    OutputId::from_index(index).unwrap()
}

fn only(index: usize) -> OutputSet {
    OutputSet::EMPTY.with(output(index))
}

fn waiter(worker: usize) -> Waiter {
    Waiter {
        worker,
        slot: 0,
        generation: 0,
    }
}

impl House {
    /// With outputs that have one place each.
    fn new(workers: usize, outputs: usize) -> Arc<House> {
        let places = OutputPlaces::new(workers, outputs, workers);
        for index in 0..outputs {
            places.set_maximum(output(index), 1);
        }
        Arc::new(House {
            places,
            standings: Standings::new(outputs),
            bells: Bells::new(workers),
            inside: (0..outputs).map(|_| AtomicU64::new(0)).collect(),
            entered: AtomicU64::new(0),
        })
    }

    fn epoch(&self) -> Epoch {
        self.standings.epoch()
    }

    /// Takes a place of one of `wants`, waiting for it if need be.
    fn enter(&self, worker: usize, wants: OutputSet) -> OutputId {
        let epoch = self.epoch();
        let free = wants.iter().find(|output| self.places.try_take(*output));
        let taken = free.unwrap_or_else(|| {
            match self
                .places
                .wait(waiter(worker), wants, epoch, |w| self.bells.wake(w))
            {
                Ok(Waited::Taken(output)) => output,
                Ok(Waited::Waits(ticket)) => self.await_grant(worker, ticket, |_| wants),
                Err(full) => panic!("{full:?}"),
            }
        });
        self.go_in(taken);
        taken
    }

    /// Sleeps until the place comes; answers with `choose` when asked.
    fn await_grant(
        &self,
        worker: usize,
        ticket: WaitTicket,
        choose: impl Fn(&House) -> OutputSet,
    ) -> OutputId {
        let mut calls = Vec::new();
        loop {
            self.bells.sleep(worker);
            self.places
                .collect(worker, &mut calls, |w| self.bells.wake(w));
            for call in calls.drain(..) {
                assert_eq!(call.ticket, ticket);
                match call.what {
                    What::Granted(output) => return output,
                    What::ChooseAgain => {
                        let epoch = self.epoch();
                        let wants = choose(self);
                        self.places
                            .choose(ticket, wants, epoch, |w| self.bells.wake(w));
                    }
                }
            }
        }
    }

    /// By control.
    fn probe(&self, health: Health) {
        self.probe_and_wake(health, |worker| self.bells.wake(worker));
    }

    fn probe_and_wake(&self, health: Health, wake: impl FnMut(usize)) {
        set_health(&self.standings, &self.places, (output(0), health), wake);
    }

    /// Sleeps until it is woken, for nobody of its own.
    fn answer_nothing(&self, worker: usize) {
        self.bells.sleep(worker);
        let mut calls = Vec::new();
        self.places
            .collect(worker, &mut calls, |w| self.bells.wake(w));
        assert_eq!(calls, []);
    }

    fn go_in(&self, output: OutputId) -> u64 {
        let inside = self.inside[output.index()].fetch_add(1, Ordering::Relaxed);
        assert_eq!(inside, 0, "one too many");
        self.entered.fetch_add(1, Ordering::Relaxed)
    }

    fn leave(&self, output: OutputId) {
        self.inside[output.index()].fetch_sub(1, Ordering::Relaxed);
        self.places.give_back(output, |w| self.bells.wake(w));
    }

    /// Everybody has gone and left nothing behind.
    fn assert_empty(&self) {
        // Control may have asked for something that nobody has seen to.
        for worker in 0..self.bells.0.len() {
            self.places.collect(worker, &mut Vec::new(), |_| {});
        }
        assert_eq!(self.places.queue().now, 0);
        for index in 0..self.inside.len() {
            assert_eq!(self.places.taken(output(index)), 0);
            assert!(self.places.has_place(output(index)), "a mark was left");
        }
    }

    fn line_up(&self, worker: usize, wants: OutputSet) -> WaitTicket {
        match self
            .places
            .wait(waiter(worker), wants, self.epoch(), |w| self.bells.wake(w))
        {
            Ok(Waited::Waits(ticket)) => ticket,
            other => panic!("it has to wait: {other:?}"),
        }
    }
}

#[test]
fn everybody_gets_in_and_never_one_too_many() {
    try_all_orders(2, || {
        let house = House::new(3, 1);
        let others = [1, 2].map(|worker| {
            let house = Arc::clone(&house);
            thread::spawn(move || {
                let output = house.enter(worker, only(0));
                house.leave(output);
            })
        });
        let output = house.enter(0, only(0));
        house.leave(output);
        for other in others {
            other.join().unwrap();
        }
        house.assert_empty();
    });
}

#[test]
fn first_come_first_served() {
    try_all_orders(2, || {
        let house = House::new(3, 1);
        house.enter(0, only(0));
        let tickets = [1, 2].map(|worker| house.line_up(worker, only(0)));
        let waiters = [1, 2].map(|worker| {
            let house = Arc::clone(&house);
            thread::spawn(move || {
                let output = house.await_grant(worker, tickets[worker - 1], |_| only(0));
                assert_eq!(
                    house.go_in(output),
                    worker as u64,
                    "first come, first served"
                );
                house.leave(output);
            })
        });
        house.leave(output(0));
        // Somebody new stands behind both.
        let late = house.enter(0, only(0));
        assert_eq!(house.entered.load(Ordering::Relaxed), 4);
        house.leave(late);
        for waiter in waiters {
            waiter.join().unwrap();
        }
        house.assert_empty();
    });
}

#[test]
fn who_takes_either_gets_one_and_leaves_the_other() {
    try_all_orders(2, || {
        let house = House::new(2, 2);
        for index in [0, 1] {
            assert!(house.places.try_take(output(index)));
        }
        let holders = [0, 1].map(|index| {
            let house = Arc::clone(&house);
            thread::spawn(move || {
                house
                    .places
                    .give_back(output(index), |w| house.bells.wake(w));
            })
        });
        let taken = house.enter(1, only(0).or(only(1)));
        for holder in holders {
            holder.join().unwrap();
        }
        assert_eq!(house.places.taken(taken), 1);
        house.leave(taken);
        house.assert_empty();
    });
}

#[test]
fn giving_up_loses_no_place() {
    try_all_orders(2, || {
        let house = House::new(3, 1);
        assert!(house.places.try_take(output(0)));
        let first = house.line_up(1, only(0));
        let second = house.line_up(2, only(0));
        let gone = Arc::clone(&house);
        let gives_up =
            thread::spawn(
                move || match gone.places.cancel(first, |w| gone.bells.wake(w)) {
                    Cancelled::Gone => {}
                    Cancelled::AlreadyGranted(output) => {
                        gone.places.give_back(output, |w| gone.bells.wake(w));
                    }
                    Cancelled::Collected => panic!("nobody collected it"),
                },
            );
        let next = Arc::clone(&house);
        let waits = thread::spawn(move || {
            let output = next.await_grant(2, second, |_| only(0));
            next.go_in(output);
            next.leave(output);
        });
        house.places.give_back(output(0), |w| house.bells.wake(w));
        gives_up.join().unwrap();
        waits.join().unwrap();
        house.assert_empty();
    });
}

#[test]
fn a_change_of_mind_misses_no_place() {
    try_all_orders(2, || {
        let house = House::new(2, 2);
        for index in [0, 1] {
            assert!(house.places.try_take(output(index)));
        }
        let ticket = house.line_up(1, only(0));
        let holder = Arc::clone(&house);
        let leaves = thread::spawn(move || {
            holder.places.give_back(output(1), |w| holder.bells.wake(w));
        });
        let epoch = house.epoch();
        house
            .places
            .choose(ticket, only(1), epoch, |w| house.bells.wake(w));
        let taken = house.await_grant(1, ticket, |_| only(1));
        leaves.join().unwrap();
        for output in [output(0), taken] {
            house.places.give_back(output, |w| house.bells.wake(w));
        }
        house.assert_empty();
    });
}

#[test]
fn the_last_who_gives_up_leaves_the_fast_path_open() {
    try_all_orders(2, || {
        let house = House::new(2, 1);
        assert!(house.places.try_take(output(0)));
        let ticket = house.line_up(1, only(0));
        let holder = Arc::clone(&house);
        let leaves = thread::spawn(move || {
            holder.places.give_back(output(0), |w| holder.bells.wake(w));
        });
        match house.places.cancel(ticket, |w| house.bells.wake(w)) {
            Cancelled::Gone => {}
            Cancelled::AlreadyGranted(output) => {
                house.places.give_back(output, |w| house.bells.wake(w));
            }
            Cancelled::Collected => panic!("nobody collected it"),
        }
        leaves.join().unwrap();
        house.assert_empty();
    });
}

/// What a session that saw the outputs like this would wait for.
fn wants_if_up(house: &House) -> OutputSet {
    match house.standings.health(output(0)) {
        Health::Up => only(0),
        Health::Checking | Health::Down => OutputSet::EMPTY,
    }
}

#[test]
fn who_waits_for_an_output_hears_when_it_comes_up() {
    try_all_orders(2, || {
        let house = House::new(2, 1);
        house.probe(Health::Checking);
        let control = Arc::clone(&house);
        let probe = thread::spawn(move || {
            control.probe(Health::Up);
        });
        let epoch = house.epoch();
        let wants = wants_if_up(&house);
        let waited = house
            .places
            .wait(waiter(1), wants, epoch, |w| house.bells.wake(w));
        let taken = match waited {
            Ok(Waited::Taken(output)) => output,
            Ok(Waited::Waits(ticket)) => house.await_grant(1, ticket, wants_if_up),
            Err(full) => panic!("{full:?}"),
        };
        house.places.give_back(taken, |w| house.bells.wake(w));
        probe.join().unwrap();
        house.assert_empty();
    });
}

#[test]
fn a_change_keeps_the_order_over_workers() {
    try_all_orders(2, || {
        let house = House::new(3, 1);
        house.probe(Health::Checking);
        let tickets = [1, 2].map(|worker| house.line_up(worker, OutputSet::EMPTY));
        let waiters = [1, 2].map(|worker| {
            let house = Arc::clone(&house);
            thread::spawn(move || {
                let output = house.await_grant(worker, tickets[worker - 1], wants_if_up);
                let before = house.go_in(output);
                assert_eq!(before, worker as u64 - 1, "first come, first served");
                house.leave(output);
            })
        });
        house.probe(Health::Up);
        assert!(
            !house.places.try_take(output(0)) || house.entered.load(Ordering::Relaxed) == 2,
            "nobody new overtakes"
        );
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

/// Control has told worker 0 of the change, and not yet worker 1, whose session it is for.
#[test]
fn control_that_stands_still_in_the_middle_holds_up_nobody() {
    try_all_orders(2, || {
        let (house, control) = (House::new(2, 1), Bells::new(1));
        house.probe(Health::Checking);
        (0..2).for_each(|worker| house.answer_nothing(worker));
        let ticket = house.line_up(1, OutputSet::EMPTY);
        let (probed, stands) = (Arc::clone(&house), Arc::clone(&control));
        let probe = thread::spawn(move || {
            probed.probe_and_wake(Health::Up, |worker| {
                if worker == 1 {
                    stands.sleep(0);
                }
                probed.bells.wake(worker);
            });
        });
        let waits = Arc::clone(&house);
        let waiter = thread::spawn(move || {
            let output = waits.await_grant(1, ticket, wants_if_up);
            waits.go_in(output);
            waits.leave(output);
        });
        house.answer_nothing(0);
        waiter.join().unwrap();
        control.wake(0);
        probe.join().unwrap();
        house.assert_empty();
    });
}

/// As after a reload: the places of a raised maximum go to those who wait.
#[test]
fn a_raised_maximum_misses_nobody() {
    try_all_orders(2, || {
        let house = House::new(2, 1);
        assert!(house.places.try_take(output(0)));
        let control = Arc::clone(&house);
        let reload = thread::spawn(move || {
            waiting_for_nobody(|| {
                control.places.set_maximum(output(0), 2);
                let epoch = advance(&control.standings);
                control
                    .places
                    .reexamine(epoch, |worker| control.bells.wake(worker));
            });
        });
        let taken = house.enter(1, only(0));
        reload.join().unwrap();
        for output in [output(0), taken] {
            house.places.give_back(output, |w| house.bells.wake(w));
        }
        assert_eq!(house.places.maximum(output(0)), 2);
        assert_eq!(house.places.taken_most(output(0)), 2);
    });
}
