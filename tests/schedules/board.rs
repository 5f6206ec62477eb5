//! The last word of one writer: whole for every reader, never an older one than before, and nobody stops the writer.

use std::sync::Arc;

use loom::thread;

use crate::plane::board::Board;
use crate::plane::sync::waiting_for_nobody;
use crate::try_all_orders;

#[test]
fn readers_never_go_back_and_never_stop_the_writer() {
    try_all_orders(3, || {
        let board = Arc::new(Board::new(0));
        let reader = || {
            let board = Arc::clone(&board);
            thread::spawn(move || {
                let first = board.read();
                let second = board.read();
                assert!(first <= second, "{first}, then {second}");
            })
        };
        let readers = [reader(), reader()];
        // Two readers hold two places at most, and the last word a third.
        for word in 1..=3 {
            let put = waiting_for_nobody(|| board.put(word));
            assert!(put, "there is always a place");
        }
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
        assert_eq!(board.read(), 3);
    });
}
