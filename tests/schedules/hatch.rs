//! Things that one thread gives another: whole, in order, none lost, and neither side finds a place taken.

use std::sync::Arc;

use loom::thread;

use crate::plane::hatch::Hatch;
use crate::plane::sync::waiting_for_nobody;
use crate::try_all_orders;

const THINGS: u32 = 4;

#[test]
fn what_was_given_comes_out_once_and_in_order() {
    for capacity in [1, 2] {
        try_all_orders(3, move || {
            let hatch = Arc::new(Hatch::new(capacity));
            let theirs = Arc::clone(&hatch);
            let giver = thread::spawn(move || {
                let give = |number: &u32| theirs.give(*number).is_ok();
                waiting_for_nobody(|| (0..THINGS).take_while(give).count() as u32)
            });
            let mut taken = Vec::new();
            waiting_for_nobody(|| (0..THINGS).for_each(|_| taken.extend(hatch.take())));
            let given = giver.join().unwrap();
            while let Some(number) = hatch.take() {
                taken.push(number);
            }
            assert!(given >= capacity as u32);
            assert_eq!(taken, (0..given).collect::<Vec<_>>());
        });
    }
}
