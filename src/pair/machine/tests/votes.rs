//! Three servers and more.

use super::rig::*;
use crate::pair::advert::Advert;
use crate::pair::advert::Heed;
use crate::pair::event::Event;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::pair::term::Ballot;

const THREE: &[&str] = &["lb1", "lb2", "lb3"];

fn heeds(rig: &Rig) -> Option<Heed> {
    Some(Heed {
        node: rig.domain.me,
        boot: 5,
        stamp: rig.machine.advert().stamp,
    })
}

/// `lb3` is neither main nor backup; it votes.
fn voter() -> Rig {
    let mut rig = Rig::new(domain("lb3", THREE), Some(Ballot::default()));
    rig.others.insert("lb1", says_active("lb1", term(5, true)));
    rig.others.insert(
        "lb2",
        Advert {
            term: term(5, true),
            ..says("lb2")
        },
    );
    rig.pass(700);
    assert_eq!(rig.machine.state(), State::Inactive);
    rig.forget();
    rig
}

fn claims(name: &str, by: crate::pair::term::Term) -> Advert {
    let mut advert = Advert {
        vote: Some((by, NodeId::of(name))),
        term: by,
        ..says(name)
    };
    advert.conditions.claiming = true;
    advert
}

/// While files differ each of two may be main by its own: were both to insist, four voters could be split for ever.
#[test]
fn of_two_that_claim_as_main_one_gives_way() {
    let goes_on = [("lb1", "lb2"), ("lb2", "lb1")].map(|(me, other)| {
        let mut domain = domain(me, &["lb1", "lb2", "lb3", "lb4"]);
        (domain.main, domain.backup) = (NodeId::of(me), Some(NodeId::of(other)));
        let mut rig = Rig::new(domain, Some(Ballot::default()));
        let starting = |advert: Advert| Advert {
            starting: true,
            ..advert
        };
        rig.others.insert(other, starting(says(other)));
        rig.pass(700);
        assert!(rig.machine.conditions().claiming, "{me}");
        *rig.other(other) = starting(claims(other, term(9, true)));
        rig.pass(60);
        rig.machine.conditions().claiming
    });
    let is_higher = NodeId::of("lb1") > NodeId::of("lb2");
    assert_eq!(goes_on, [is_higher, !is_higher]);
}

#[test]
fn a_voter_refuses_within_500_ms_of_the_actives_word() {
    let mut rig = voter();
    rig.goes("lb1");
    *rig.other("lb2") = claims("lb2", term(6, false));
    rig.pass(440);
    assert_eq!(rig.done(), "");
    rig.pass(120);
    assert_eq!(rig.done(), "vote:6");
    assert_eq!(
        rig.machine.advert().vote,
        Some((term(6, false), NodeId::of("lb2")))
    );
    assert_eq!(
        rig.machine.advert().heeds.map(|heed| heed.node),
        Some(NodeId::of("lb2"))
    );
}

#[test]
fn a_voter_votes_once_in_a_term_and_not_for_two_within_500_ms() {
    let mut rig = voter();
    rig.goes("lb1");
    *rig.other("lb2") = claims("lb2", term(6, false));
    rig.pass(600);
    rig.forget();
    rig.others.insert("lb1", claims("lb1", term(6, false)));
    rig.pass(1000);
    assert_eq!(rig.done(), "", "that term's vote is given");
    *rig.other("lb1") = claims("lb1", term(7, true));
    rig.pass(1000);
    assert_eq!(rig.done(), "", "lb2 still claims");
    *rig.other("lb2") = says("lb2");
    rig.pass(100);
    assert_eq!(rig.done(), "vote:7");
}

#[test]
fn a_voter_forgets_who_has_let_go() {
    let mut rig = voter();
    *rig.other("lb1") = Advert {
        released: Some(term(5, true)),
        ..says("lb1")
    };
    *rig.other("lb2") = claims("lb2", term(6, false));
    rig.pass(60);
    assert_eq!(rig.done(), "vote:6");
}

#[test]
fn a_voter_that_has_just_begun_votes_for_nobody_for_500_ms() {
    let mut rig = Rig::new(domain("lb3", THREE), Some(Ballot::default()));
    rig.others.insert("lb2", claims("lb2", term(6, false)));
    rig.pass(490);
    assert_eq!(rig.done(), "");
    rig.pass(60);
    assert_eq!(rig.done(), "vote:6");
}

/// `lb1` asks for votes: `lb2` is dead, `lb3` there.
fn candidate() -> Rig {
    let mut rig = Rig::new(domain("lb1", THREE), Some(Ballot::default()));
    rig.others.insert("lb2", says_active("lb2", term(5, false)));
    rig.others.insert(
        "lb3",
        Advert {
            state: State::Inactive,
            ..says("lb3")
        },
    );
    rig.pass(700);
    rig.goes("lb2");
    rig.forget();
    rig.pass(600);
    assert_eq!(
        rig.machine.state(),
        State::Standby,
        "it has its own vote only"
    );
    rig
}

#[test]
fn a_claim_needs_a_majority() {
    let mut rig = candidate();
    assert_eq!(rig.done(), "ask vote:6 ask");
    let word = Advert {
        vote: Some((term(6, true), NodeId::of("lb1"))),
        ..*rig.other("lb3")
    };
    *rig.other("lb3") = word;
    rig.pass(60);
    assert_eq!(
        rig.machine.state(),
        State::Standby,
        "a vote without a fresh promise is none"
    );
    let heeds = heeds(&rig);
    rig.on(Event::Heard {
        link: 0,
        advert: Advert { heeds, ..word },
    });
    assert_eq!(rig.machine.state(), State::Active);
}

#[test]
fn an_active_without_the_word_of_a_majority_lets_go_in_time() {
    let mut rig = candidate();
    let word = Advert {
        vote: Some((term(6, true), NodeId::of("lb1"))),
        ..*rig.other("lb3")
    };
    let heard = heeds(&rig);
    rig.on(Event::Heard {
        link: 0,
        advert: Advert {
            heeds: heard,
            ..word
        },
    });
    for _ in 0..100 {
        rig.pass(20);
        let heeds = heeds(&rig);
        *rig.other("lb3") = Advert { heeds, ..word };
    }
    assert_eq!(rig.machine.state(), State::Active);
    // lb3 is still heard, but what this server says does not arrive there any longer.
    rig.pass(340);
    assert_eq!(rig.machine.state(), State::Standby);
    assert!(!rig.machine.advert().holds);
}

#[test]
fn with_one_of_three_in_maintenance_the_others_are_a_pair() {
    let mut domain = domain("lb1", THREE);
    domain.servers[2].as_mut().expect("the third").maintenance = true;
    let mut rig = Rig::standby_in(domain);
    rig.goes("lb2");
    rig.pass(260);
    assert_eq!(rig.machine.state(), State::Active);
}
