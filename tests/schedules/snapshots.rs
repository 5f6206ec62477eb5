//! Copies that control asks a worker for: taken when they are complete, and only then.

use std::sync::Arc;

use loom::thread;

use crate::Bells;
use crate::plane::snapshot::Desk;
use crate::plane::sync::waiting_for_nobody;
use crate::try_all_orders;

const WORKER: usize = 0;
const CONTROL: usize = 1;

#[test]
fn a_copy_is_whole_and_of_its_own_round() {
    try_all_orders(2, || {
        let bells = Bells::new(2);
        let desk = Arc::new(Desk::default());
        let (theirs, wakes) = (Arc::clone(&desk), Arc::clone(&bells));
        let worker = thread::spawn(move || {
            for round in [10, 20] {
                while !theirs.is_wanted() {
                    wakes.sleep(WORKER);
                }
                for piece in [1, 2] {
                    let add = |items: &mut Vec<u32>| {
                        items.push(round + piece);
                        piece == 2
                    };
                    let complete = waiting_for_nobody(|| theirs.put(add));
                    if complete {
                        wakes.wake(CONTROL);
                    }
                }
            }
        });
        for round in [10, 20] {
            desk.ask(2);
            bells.wake(WORKER);
            let items = loop {
                if let Some(items) = desk.take() {
                    break items;
                }
                bells.sleep(CONTROL);
            };
            assert_eq!(items, [round + 1, round + 2]);
        }
        worker.join().unwrap();
    });
}
