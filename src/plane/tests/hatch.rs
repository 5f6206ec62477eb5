use crate::plane::hatch::Hatch;

#[test]
fn things_come_out_in_order_and_a_full_hatch_gives_them_back() {
    let hatch = Hatch::new(2);
    assert_eq!(hatch.take(), None);
    for round in 0..5 {
        assert_eq!(hatch.give(round), Ok(()));
        assert_eq!(hatch.give(round + 10), Ok(()));
        assert_eq!(hatch.give(99), Err(99));
        assert_eq!(
            (hatch.take(), hatch.take()),
            (Some(round), Some(round + 10))
        );
        assert_eq!(hatch.take(), None);
    }
}

/// What the pair thread gives and takes costs no memory.
#[test]
fn nothing_is_allocated() {
    let hatch = Hatch::new(4);
    let cost = allocation_counter::measure(|| {
        for number in 0..100 {
            assert!(hatch.give(number).is_ok());
            assert_eq!(hatch.take(), Some(number));
        }
    });
    assert_eq!(cost.count_total, 0);
}
