//! The board with real threads; every order of events is tried in `tests/schedules`.

use crate::plane::board::Board;

#[test]
fn no_reader_sees_half_a_word_or_goes_back() {
    let board = Board::new([0_u64; 64]);
    std::thread::scope(|scope| {
        let reads = || {
            let mut before = 0;
            while before < 20_000 {
                let word = board.read();
                assert!(word.iter().all(|part| *part == word[0]));
                assert!(word[0] >= before);
                before = word[0];
            }
        };
        scope.spawn(reads);
        scope.spawn(reads);
        for number in 1..=20_000 {
            while !board.put([number; 64]) {
                std::thread::yield_now();
            }
        }
    });
}
