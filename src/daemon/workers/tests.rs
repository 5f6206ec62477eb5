use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::*;
use crate::balance::hash::HashKey;
use crate::balance::hash::SessionKey;
use crate::balance::table::Trust;
use crate::model::config::Mode;
use crate::model::plan::PlannedOutput;

/// Milliseconds; a test that hangs fails instead.
const PATIENCE: u16 = 20_000;
const SESSIONS: u64 = 5000;

fn setup(desk: Arc<Desk<LearnedSession>>) -> WorkersSetup {
    let output = OutputId::from_index(0).unwrap();
    let mut plan = Plan::empty();
    plan.max_connections = 10;
    plan.listen = vec!["127.0.0.1:0".parse().unwrap()];
    plan.affinity.mode = Mode::Passive;
    plan.affinity.cookie_name = "SID".to_owned();
    plan.outputs.push(PlannedOutput {
        id: output,
        name: "127.0.0.1:9".to_owned(),
        address: None,
        weight: 1,
        max_connections: 0,
        backup: false,
        born: 0,
        revision: 0,
    });
    let session = |number: u64| LearnedSession {
        key: SessionKey(u128::from(number) << 64 | u128::from(number)),
        output,
        trust: Trust::Learned,
        idle: Duration::from_secs(SESSIONS - number),
    };
    WorkersSetup {
        plan: Arc::new(plan),
        cores: vec![None, None],
        small_buffers: 512,
        large_buffers: 16,
        pipes: 8,
        bandwidth: None,
        socket_bytes: None,
        learning: Learning {
            hash: HashKey::from_bytes([3; HashKey::LENGTH]),
            capacity: 8000,
        },
        known: Known {
            sessions: Arc::new((1..=SESSIONS).map(session).collect()),
            switches: vec![(output, Switch::Draining)],
            desks: vec![desk],
            mirrored: false,
        },
    }
}

fn keys(sessions: &[LearnedSession]) -> Vec<u128> {
    let mut keys: Vec<u128> = sessions.iter().map(|session| session.key.0).collect();
    keys.sort_unstable();
    keys
}

/// Whether the workers ring for control in time. It is quiet again then.
fn rings(bell: &UnixStream, patience: PollTimeout) -> bool {
    let mut asked = [PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
    let rung = poll(&mut asked, patience) == Ok(1);
    if rung {
        nix::unistd::read(bell, &mut [0; 8]).unwrap();
    }
    rung
}

#[test]
fn what_was_known_is_handed_out_while_they_run_and_at_their_end() {
    let desk = Arc::new(Desk::default());
    let setup = setup(Arc::clone(&desk));
    let workers = Workers::start(&setup).unwrap();
    let output = setup.plan.outputs[0].id;
    let switch = crate::model::standing::Standing::switch(&**workers.plane(), output);
    assert_eq!(switch, Switch::Draining);
    let known = keys(&setup.known.sessions);
    let bell = workers.hub().control_bell().unwrap();
    for _ in 0..2 {
        assert!(!rings(&bell, PollTimeout::ZERO), "nobody has asked");
        desk.ask(8000);
        workers.hub().wake(0);
        assert!(rings(&bell, PATIENCE.into()));
        assert_eq!(keys(&desk.take().unwrap()), known);
    }
    workers.orders().give(Order::Finish);
    let ended = workers.join();
    assert_eq!(ended.left, [Leftovers::default(); 2]);
    assert_eq!(keys(&ended.sessions), known);
    let idle: Vec<_> = ended.sessions.iter().map(|session| session.idle).collect();
    assert!(
        idle.is_sorted_by(|a, b| a >= b),
        "least recently used first"
    );
}
