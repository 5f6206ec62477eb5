//! The memory that workers and the control core share. Every word has exactly one writer, but for the
//! places under a maximum, which are atomic counts.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

/// What control wants of the workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Run,
    /// Accept no more, finish what was accepted, then stop.
    Finish,
    /// Stop at once.
    Stop,
}

/// Shared by all threads of one process.
pub struct Plane {
    order: AtomicU8,
}

impl Plane {
    /// For `workers` workers and at most `max_connections` connections at a time.
    pub fn new(_workers: usize, _max_connections: u64) -> Plane {
        Plane {
            order: AtomicU8::new(0),
        }
    }

    /// Control's order; a worker looks after each wake.
    pub fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Run,
            1 => Order::Finish,
            _ => Order::Stop,
        }
    }

    /// Written by control only. The workers have to be woken after it.
    pub fn set_order(&self, order: Order) {
        let word = match order {
            Order::Run => 0,
            Order::Finish => 1,
            Order::Stop => 2,
        };
        self.order.store(word, Ordering::Release);
    }
}
