//! The plan in force: each worker has the newest one in the end, and never waits for control on the way.

use std::sync::Arc;

use loom::thread;

use crate::Bells;
use crate::plane::plans::Plans;
use crate::plane::sync::waiting_for_nobody;
use crate::try_all_orders;

const WORKERS: usize = 2;

#[test]
fn every_worker_takes_up_the_newest_plan() {
    try_all_orders(2, || {
        let (plans, bells) = (Arc::new(Plans::new(WORKERS)), Bells::new(WORKERS));
        let worker = |index| {
            let (plans, bells) = (Arc::clone(&plans), Arc::clone(&bells));
            thread::spawn(move || {
                let (mut seen, mut plan) = (0, Arc::new(0));
                loop {
                    let taken = waiting_for_nobody(|| plans.take_up(index, &mut seen, &mut plan));
                    if let Some(before) = taken {
                        assert!(*before < *plan, "never an older one");
                    }
                    if *plan == 2 {
                        return;
                    }
                    bells.sleep(index);
                }
            })
        };
        let workers = [worker(0), worker(1)];
        for number in 1..=2 {
            plans.put(&Arc::new(number));
            (0..WORKERS).for_each(|worker| bells.wake(worker));
        }
        for worker in workers {
            worker.join().unwrap();
        }
    });
}
