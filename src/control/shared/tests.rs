use super::*;
use crate::model::load::sample::config_of;

/// What a configuration file with this text puts in force.
pub fn current_of(text: &str) -> Current {
    let config = config_of(text);
    let plan = Plan::from_config(&config, |_| None, 10);
    Current {
        config: Arc::new(config),
        plan: Arc::new(plan),
    }
}

/// For one worker that is not there.
pub fn shared_of(text: &str) -> Arc<Shared> {
    let plane = Arc::new(Plane::new(1, 10));
    let hub = Arc::new(Hub::new(1).unwrap());
    let current = current_of(text);
    Arc::new(Shared::new(plane, hub, current, Limits::default()))
}

const TEXT: &str = "out1 = '10.0.0.1'";

#[test]
fn what_is_put_in_force_reaches_workers_and_followers() {
    let shared = shared_of(TEXT);
    let (mut follower, mut seen) = (shared.follow(), 0);
    let (plans, mut taken) = (shared.plane.plans(), Arc::new(Plan::empty()));
    assert!(plans.take_up(0, &mut seen, &mut taken).is_none());
    shared.put_in_force(|_| None);
    assert!(plans.take_up(0, &mut seen, &mut taken).is_none());
    shared.put_in_force(|_| Some(current_of(TEXT)));
    let plan = Arc::clone(&shared.current().plan);
    assert_eq!(plan.number, 1);
    assert!(plans.take_up(0, &mut seen, &mut taken).is_some());
    assert!(Arc::ptr_eq(&taken, &plan));
    assert!(follower.has_changed().unwrap());
    assert!(Arc::ptr_eq(&follower.borrow_and_update().plan, &plan));
}

#[test]
fn a_ring_is_heard_by_all_who_wait() {
    let shared = shared_of(TEXT);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bell = shared.hub.control_bell().unwrap();
        tokio::spawn(Arc::clone(&shared).listen_for_rings(bell));
        for _ in 0..3 {
            let (one, two) = (shared.rung.notified(), shared.rung.notified());
            shared.hub.ring_control();
            one.await;
            two.await;
        }
    });
}
