use std::sync::Arc;

use crate::plane::plans::Plans;

#[test]
fn each_plan_is_taken_up_once_by_each_worker_and_the_newest_counts() {
    let plans = Plans::new(2);
    let (first, second) = (Arc::new(1), Arc::new(2));
    for worker in [0, 1] {
        let (mut seen, mut plan) = (0, Arc::new(0));
        assert!(plans.take_up(worker, &mut seen, &mut plan).is_none());
    }
    plans.put(&first);
    plans.put(&second);
    for worker in [0, 1] {
        let (mut seen, mut plan) = (0, Arc::new(0));
        let before = plans.take_up(worker, &mut seen, &mut plan);
        assert_eq!(before.as_deref(), Some(&0));
        assert!(Arc::ptr_eq(&plan, &second));
        assert!(plans.take_up(worker, &mut seen, &mut plan).is_none());
        assert!(Arc::ptr_eq(&plan, &second), "nothing has changed");
    }
}

/// Freeing may wait for whoever takes memory at that moment.
#[test]
fn what_a_worker_had_is_freed_by_control() {
    let plans = Plans::new(1);
    let mut plan = Arc::new(0);
    let first = Arc::downgrade(&plan);
    let mut seen = 0;
    plans.put(&Arc::new(1));
    assert!(plans.take_up(0, &mut seen, &mut plan).is_some());
    assert!(first.upgrade().is_some());
    plans.put(&Arc::new(2));
    assert!(first.upgrade().is_none());
    assert!(plans.take_up(0, &mut seen, &mut plan).is_some());
    assert_eq!(*plan, 2);
}
