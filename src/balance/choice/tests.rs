use super::*;
use crate::model::config::Balance;
use crate::model::plan::PlannedOutput;

/// How one output stands.
#[derive(Clone, Copy, Debug)]
struct Stand {
    switch: Switch,
    health: Health,
    place: bool,
    active: u64,
}

/// A board on which nothing else counts.
const ALL_GOOD: Board<'static> = Board(&[GOOD; OUTPUTS_MAX]);

const GOOD: Stand = Stand {
    switch: Switch::Enabled,
    health: Health::Up,
    place: true,
    active: 0,
};
const FULL: Stand = Stand {
    place: false,
    ..GOOD
};
const DOWN: Stand = Stand {
    health: Health::Down,
    ..GOOD
};
const CHECKING: Stand = Stand {
    health: Health::Checking,
    ..GOOD
};
const DRAINING: Stand = Stand {
    switch: Switch::Draining,
    ..GOOD
};
const DISABLED: Stand = Stand {
    switch: Switch::Disabled,
    ..GOOD
};

struct Board<'a>(&'a [Stand]);

impl Standing for Board<'_> {
    fn switch(&self, output: OutputId) -> Switch {
        self.0[output.index()].switch
    }
    fn health(&self, output: OutputId) -> Health {
        self.0[output.index()].health
    }
    fn has_place(&self, output: OutputId) -> bool {
        self.0[output.index()].place
    }
    fn proofs(&self, _: OutputId) -> u64 {
        0
    }
    fn sessions_active(&self, output: OutputId) -> u64 {
        self.0[output.index()].active
    }
}

const MAIN: (bool, bool) = (true, false);
const BACKUP: (bool, bool) = (true, true);
const NO_ADDRESS: (bool, bool) = (false, false);

fn plan(outputs: &[(bool, bool)]) -> Plan {
    let output = |(index, (resolved, backup)): (usize, &(bool, bool))| PlannedOutput {
        id: id(index),
        name: format!("backend{index}:80"),
        address: resolved.then(|| ([127, 0, 0, 1], 80).into()),
        weight: 1,
        max_connections: 0,
        backup: *backup,
        born: 0,
        revision: 0,
    };
    Plan {
        outputs: outputs.iter().enumerate().map(output).collect(),
        ..Plan::empty()
    }
}

fn id(index: usize) -> OutputId {
    OutputId::from_index(index).unwrap()
}

fn chooser(outputs: &[(bool, bool)]) -> Chooser {
    Chooser::new(&plan(outputs), 0)
}

fn set(members: &[usize]) -> Set {
    members.iter().copied().collect()
}

fn ask(tie: Tie, tried: &[usize]) -> Ask {
    Ask {
        tie,
        tried: set(tried),
    }
}

fn tied(index: usize) -> Tie {
    Tie::Output(id(index))
}

fn wait(members: &[usize]) -> Choice {
    Choice::Wait(set(members))
}

#[test]
fn a_tie_holds_while_its_output_serves_the_tied() {
    // out1 is the tied one, out2 another, out3 a backup.
    for (stand, expected) in [
        (GOOD, Choice::Go(0)),
        (FULL, wait(&[0])),
        (DRAINING, Choice::Go(0)),
        (
            Stand {
                place: false,
                ..DRAINING
            },
            wait(&[0]),
        ),
        (CHECKING, wait(&[0])),
        (
            Stand {
                health: Health::Down,
                ..DRAINING
            },
            Choice::Go(1),
        ),
        (DOWN, Choice::Go(1)),
        (DISABLED, Choice::Go(1)),
        (
            Stand {
                place: false,
                ..DISABLED
            },
            Choice::Go(1),
        ),
    ] {
        let mut chooser = chooser(&[MAIN, MAIN, BACKUP]);
        let board = [stand, GOOD, GOOD];
        let choice = chooser.decide(&ask(tied(0), &[]), &Board(&board));
        assert_eq!(choice, expected, "{stand:?}");
        chooser.suspect(0, &ALL_GOOD);
        let choice = chooser.decide(&ask(tied(0), &[]), &Board(&board));
        assert_eq!(choice, expected, "a suspect keeps its own: {stand:?}");
        let choice = chooser.decide(&ask(tied(0), &[0]), &Board(&board));
        assert_eq!(choice, Choice::Go(1), "it has failed already: {stand:?}");
    }
}

#[test]
fn a_tie_to_a_backup_holds_and_one_to_nothing_does_not() {
    let mut chooser = chooser(&[MAIN, BACKUP, NO_ADDRESS]);
    let board = [GOOD; 9];
    let mut decide = |tie| chooser.decide(&ask(tie, &[]), &Board(&board));
    assert_eq!(decide(tied(1)), Choice::Go(1));
    assert_eq!(decide(tied(2)), Choice::Go(0), "no address");
    assert_eq!(decide(tied(8)), Choice::Go(0), "not connected");
}

#[test]
fn the_free_go_where_a_place_is_then_wait_then_to_a_backup() {
    // out1 and out2, the backups out3 and out4.
    for (board, expected) in [
        ([GOOD, FULL, GOOD, GOOD], Choice::Go(0)),
        ([DOWN, GOOD, GOOD, GOOD], Choice::Go(1)),
        ([DRAINING, GOOD, GOOD, GOOD], Choice::Go(1)),
        ([CHECKING, GOOD, GOOD, GOOD], Choice::Go(1)),
        ([FULL, FULL, GOOD, GOOD], wait(&[0, 1])),
        ([FULL, DOWN, GOOD, GOOD], wait(&[0])),
        ([CHECKING, DOWN, GOOD, GOOD], wait(&[0])),
        ([CHECKING, FULL, GOOD, GOOD], wait(&[0, 1])),
        ([DOWN, DISABLED, GOOD, DOWN], Choice::Go(2)),
        ([DRAINING, DRAINING, FULL, GOOD], Choice::Go(3)),
        ([DOWN, DOWN, FULL, FULL], wait(&[2, 3])),
        ([DOWN, DOWN, CHECKING, DOWN], wait(&[2])),
        ([DOWN, DOWN, DISABLED, DRAINING], Choice::None),
        ([DOWN, DISABLED, DOWN, DOWN], Choice::None),
    ] {
        let mut chooser = chooser(&[MAIN, MAIN, BACKUP, BACKUP]);
        let choice = chooser.decide(&ask(Tie::Free, &[]), &Board(&board));
        assert_eq!(choice, expected, "{board:?}");
    }
}

#[test]
fn suspects_are_for_want_of_others_but_before_backups() {
    let mut chooser = chooser(&[MAIN, MAIN, BACKUP]);
    let go = |chooser: &mut Chooser, board: &[Stand]| {
        let choice = |chooser: &mut Chooser| chooser.decide(&ask(Tie::Free, &[]), &Board(board));
        (choice(chooser), choice(chooser))
    };
    chooser.suspect(0, &ALL_GOOD);
    let both = go(&mut chooser, &[GOOD; 3]);
    assert_eq!(both, (Choice::Go(1), Choice::Go(1)));
    let other_full = go(&mut chooser, &[GOOD, FULL, GOOD]);
    assert_eq!(other_full, (Choice::Go(0), Choice::Go(0)), "it has a place");
    chooser.suspect(1, &ALL_GOOD);
    let (first, second) = go(&mut chooser, &[GOOD; 3]);
    assert_ne!(first, second, "both serve, and no backup");
    assert!(
        [first, second]
            .iter()
            .all(|c| matches!(c, Choice::Go(0 | 1)))
    );
    let none_left = chooser.decide(&ask(Tie::Free, &[0, 1]), &Board(&[GOOD; 3]));
    assert_eq!(
        none_left,
        Choice::Go(2),
        "for this request none of them is there"
    );
    let none_left = chooser.decide(&ask(Tie::Free, &[0, 1, 2]), &Board(&[GOOD; 3]));
    assert_eq!(none_left, Choice::None);
}

#[test]
fn suspicion_ends_with_a_probe_or_a_connection_and_not_before() {
    let mut chooser = chooser(&[MAIN, MAIN]);
    assert!(chooser.suspect(0, &Proven(7)));
    assert!(!chooser.suspect(0, &Proven(7)), "no news");
    for _ in 0..100 {
        assert_eq!(chooser.choose(Set::EMPTY, &Proven(7)), Some(1));
    }
    let after: Vec<_> = (0..2)
        .map(|_| chooser.choose(Set::EMPTY, &Proven(8)))
        .collect();
    assert!(after.contains(&Some(0)), "its probe has succeeded");
    assert!(chooser.suspect(0, &Proven(8)));
    assert!(
        chooser.suspect(0, &Proven(9)),
        "suspected again, after a probe that nobody looked at"
    );
    assert_eq!(chooser.choose(Set::EMPTY, &Proven(9)), Some(1));
    chooser.clear(0);
    let after: Vec<_> = (0..2)
        .map(|_| chooser.choose(Set::EMPTY, &Proven(9)))
        .collect();
    assert!(after.contains(&Some(0)), "a connection to it has succeeded");
    assert_eq!(chooser.choose(set(&[0, 1]), &Proven(9)), None);
}

#[test]
fn a_second_try_is_for_another_unless_it_is_tied() {
    let mut chooser = chooser(&[MAIN, MAIN, BACKUP]);
    let source = Tie::Source(Source::of([10, 0, 0, 1].into()));
    for (output, tie, stand, expected) in [
        (0, Tie::Free, GOOD, 1),
        (1, Tie::Free, GOOD, 0),
        (2, Tie::Free, GOOD, 2),
        (0, tied(0), GOOD, 0),
        (0, tied(0), DRAINING, 0),
        (0, tied(0), FULL, 0),
        (0, tied(0), DOWN, 1),
        (0, tied(0), DISABLED, 1),
        (0, tied(1), GOOD, 1),
        (1, tied(0), GOOD, 0),
        (0, source, GOOD, 0),
        (0, source, DOWN, 1),
        (1, source, GOOD, 1),
    ] {
        let mut board = [GOOD; 3];
        board[output] = stand;
        let next = chooser.decide_again(output, tie, &Board(&board));
        assert_eq!(next, expected, "{output} {tie:?} {stand:?}");
    }
    let full = [GOOD, FULL, GOOD];
    assert_eq!(chooser.decide_again(0, Tie::Free, &Board(&full)), 0);
    chooser.suspect(1, &ALL_GOOD);
    assert_eq!(chooser.choose_again(0), 0, "no suspect, no backup");
}

#[test]
fn a_source_has_one_output_and_waits_for_it() {
    let mut chooser = chooser(&[MAIN, MAIN, BACKUP]);
    let source = Source::of([192, 0, 2, 7].into());
    let tie = Tie::Source(source);
    let Choice::Go(own) = chooser.decide(&ask(tie, &[]), &Board(&[GOOD; 3])) else {
        panic!("two are ready");
    };
    let other = 1 - own;
    let board = |stand: Stand| {
        let mut board = [GOOD; 3];
        board[own] = stand;
        board
    };
    for (stand, expected) in [
        (GOOD, Choice::Go(own)),
        (FULL, wait(&[own])),
        (CHECKING, wait(&[own])),
        (DOWN, Choice::Go(other)),
        (DRAINING, Choice::Go(other)),
        (DISABLED, Choice::Go(other)),
    ] {
        let choice = chooser.decide(&ask(tie, &[]), &Board(&board(stand)));
        assert_eq!(choice, expected, "{stand:?}");
    }
    chooser.suspect(own, &ALL_GOOD);
    let suspect = chooser.decide(&ask(tie, &[]), &Board(&[GOOD; 3]));
    assert_eq!(suspect, Choice::Go(own));
    let refused = chooser.decide(&ask(tie, &[own]), &Board(&[GOOD; 3]));
    assert_eq!(refused, Choice::Go(other));
    let gone = chooser.decide(&ask(tie, &[]), &Board(&[DOWN, DOWN, GOOD]));
    assert_eq!(gone, Choice::Go(2));
    let all_gone = chooser.decide(&ask(tie, &[]), &Board(&[DOWN; 3]));
    assert_eq!(all_gone, Choice::None);
}

#[test]
fn an_output_without_address_is_never_chosen() {
    let mut chooser = chooser(&[NO_ADDRESS, (false, true)]);
    assert_eq!(chooser.choose(Set::EMPTY, &ALL_GOOD), None);
    assert_eq!(chooser.choose_again(0), 0);
}

#[test]
fn an_output_is_known_by_its_number_whichever_others_there_are() {
    let mut plan = plan(&[MAIN, MAIN]);
    let numbers = [2, 63];
    let outputs = plan.outputs.iter().cloned().zip(numbers);
    plan.outputs = outputs
        .map(|(output, number)| PlannedOutput {
            id: id(number),
            ..output
        })
        .collect();
    let mut chooser = Chooser::new(&plan, 0);
    assert!(chooser.knows(id(63)) && !chooser.knows(id(0)));
    let board = [GOOD; OUTPUTS_MAX];
    let choice = chooser.decide(&ask(tied(63), &[]), &Board(&board));
    assert_eq!(choice, Choice::Go(63));
    let choice = chooser.decide(&ask(tied(0), &[]), &Board(&board));
    assert_eq!(choice, Choice::Go(2));
}

#[test]
fn balance_uses_the_sessions_over_all_workers() {
    let busy = |active| Stand { active, ..GOOD };
    for balance in [Balance::LeastConn, Balance::P2c] {
        let plan = Plan {
            balance,
            ..plan(&[MAIN, MAIN])
        };
        let mut chooser = Chooser::new(&plan, 0);
        let choice = chooser.decide(&ask(Tie::Free, &[]), &Board(&[busy(5), busy(4)]));
        assert_eq!(choice, Choice::Go(1), "{balance:?}");
        let choice = chooser.decide(&ask(Tie::Free, &[]), &Board(&[busy(5), busy(6)]));
        assert_eq!(choice, Choice::Go(0), "{balance:?}");
    }
}

/// Two outputs and a backup, in every state each can be in, against the sentences of SPEC 4.
#[test]
fn every_state_of_three_outputs_is_decided_as_written() {
    let stands: Vec<(Stand, bool)> = every_stand().collect();
    assert_eq!(stands.len(), 36);
    for first in &stands {
        for second in &stands {
            for third in &stands {
                let states = [*first, *second, *third];
                let board = states.map(|(stand, _)| stand);
                let mut chooser = chooser(&[MAIN, MAIN, BACKUP]);
                for (index, (_, suspect)) in states.iter().enumerate() {
                    if *suspect {
                        chooser.suspect(index, &ALL_GOOD);
                    }
                }
                for (tie, tried) in [(Tie::Free, vec![]), (Tie::Free, vec![1]), (tied(1), vec![])] {
                    let ask = ask(tie, &tried);
                    let choice = chooser.decide(&ask, &Board(&board));
                    let allowed = allowed(&ask, &states);
                    assert!(allowed.contains(&choice), "{choice:?} {ask:?} {states:?}");
                }
            }
        }
    }
}

fn every_stand() -> impl Iterator<Item = (Stand, bool)> {
    let switches = [Switch::Enabled, Switch::Draining, Switch::Disabled];
    let healths = [Health::Checking, Health::Up, Health::Down];
    switches.into_iter().flat_map(move |switch| {
        healths.into_iter().flat_map(move |health| {
            [false, true].into_iter().flat_map(move |place| {
                let active = 0;
                let stand = Stand {
                    switch,
                    health,
                    place,
                    active,
                };
                [(stand, false), (stand, true)]
            })
        })
    })
}

/// What may come out, written down without sets.
fn allowed(ask: &Ask, states: &[(Stand, bool); 3]) -> Vec<Choice> {
    if ask.tie == tied(1) {
        let stand = states[1].0;
        if stand.switch != Switch::Disabled && stand.health == Health::Up && stand.place {
            return vec![Choice::Go(1)];
        }
        if stand.switch != Switch::Disabled && stand.health != Health::Down {
            return vec![wait(&[1])];
        }
    }
    for tier in [vec![0, 1], vec![2]] {
        let enabled: Vec<usize> = tier
            .into_iter()
            .filter(|index| !ask.tried.contains(*index))
            .filter(|index| states[*index].0.switch == Switch::Enabled)
            .collect();
        let those = |fits: fn(&(Stand, bool)) -> bool| -> Vec<usize> {
            enabled
                .iter()
                .copied()
                .filter(|index| fits(&states[*index]))
                .collect()
        };
        let free = those(|(stand, suspect)| stand.health == Health::Up && stand.place && !suspect);
        let doubtful = those(|(stand, _)| stand.health == Health::Up && stand.place);
        let waiting = those(|(stand, _)| stand.health != Health::Down);
        if !free.is_empty() {
            return free.into_iter().map(Choice::Go).collect();
        }
        if !doubtful.is_empty() {
            return doubtful.into_iter().map(Choice::Go).collect();
        }
        if !waiting.is_empty() {
            return vec![wait(&waiting)];
        }
    }
    vec![Choice::None]
}

/// Shorter to ask.
impl Chooser {
    /// [`Chooser::decide`] for a request that is tied to none.
    fn choose(&mut self, tried: Set, standing: &impl Standing) -> Option<usize> {
        let ask = Ask {
            tie: Tie::Free,
            tried,
        };
        match self.decide(&ask, standing) {
            Choice::Go(output) => Some(output),
            Choice::Wait(_) | Choice::None => None,
        }
    }

    /// [`Chooser::decide_again`], likewise, while nothing is known of the outputs.
    fn choose_again(&mut self, output: usize) -> usize {
        self.decide_again(output, Tie::Free, &ALL_GOOD)
    }
}

/// Everything is enabled, up and free, and so many probes of each output have succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Proven(u64);

impl Standing for Proven {
    fn switch(&self, _: OutputId) -> Switch {
        Switch::Enabled
    }

    fn health(&self, _: OutputId) -> Health {
        Health::Up
    }

    fn has_place(&self, _: OutputId) -> bool {
        true
    }

    fn proofs(&self, _: OutputId) -> u64 {
        self.0
    }

    fn sessions_active(&self, _: OutputId) -> u64 {
        0
    }
}
