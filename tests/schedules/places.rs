//! Places under `max_connections`, with a worker's part of the protocol: draw, look, say that one waits, look
//! again, sleep; and whoever gives a place back wakes those who say that they wait.

use std::sync::Arc;

use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering;
use loom::thread;

use crate::Bells;
use crate::plane::places::Places;
use crate::plane::places::Ticket;
use crate::plane::places::WaitingWord;
use crate::try_all_orders;

struct House {
    places: Places,
    waiting: Vec<WaitingWord>,
    bells: Arc<Bells>,
    inside: AtomicU64,
}

impl House {
    fn new(maximum: u64, workers: usize) -> Arc<House> {
        Arc::new(House {
            places: Places::new(maximum),
            waiting: (0..workers).map(|_| WaitingWord::default()).collect(),
            bells: Bells::new(workers),
            inside: AtomicU64::new(0),
        })
    }

    fn enter(&self, worker: usize, ticket: Ticket) {
        if !self.places.admits(ticket) {
            self.waiting[worker].set(1);
            while !self.places.admits(ticket) {
                self.bells.sleep(worker);
            }
            self.waiting[worker].set(0);
        }
        let inside = self.inside.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(inside <= self.places.maximum(), "one too many");
    }

    fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::Relaxed);
        self.give_back();
    }

    fn give_back(&self) {
        if self.places.give_back() {
            for (worker, waiting) in self.waiting.iter().enumerate() {
                if waiting.get() > 0 {
                    self.bells.wake(worker);
                }
            }
        }
    }
}

#[test]
fn everybody_gets_in_and_never_one_too_many() {
    try_all_orders(2, || {
        let house = House::new(1, 3);
        let worker = |index| {
            let house = Arc::clone(&house);
            thread::spawn(move || {
                house.enter(index, house.places.draw());
                house.leave();
            })
        };
        let others = [worker(1), worker(2)];
        house.enter(0, house.places.draw());
        house.leave();
        for other in others {
            other.join().unwrap();
        }
        assert!(!house.places.is_short());
    });
}

#[test]
fn who_gives_up_hands_its_turn_on() {
    try_all_orders(2, || {
        let house = House::new(1, 3);
        house.enter(0, house.places.draw());
        let (first, second) = (house.places.draw(), house.places.draw());
        let gone = Arc::clone(&house);
        // Its client is gone; the ticket stays with its worker until its turn comes.
        let gives_up = thread::spawn(move || {
            gone.waiting[1].set(1);
            while !gone.places.admits(first) {
                gone.bells.sleep(1);
            }
            gone.waiting[1].set(0);
            gone.give_back();
        });
        let last = Arc::clone(&house);
        let comes = thread::spawn(move || {
            last.enter(2, second);
            assert!(last.places.admits(first), "first come, first served");
            last.leave();
        });
        house.leave();
        gives_up.join().unwrap();
        comes.join().unwrap();
    });
}
