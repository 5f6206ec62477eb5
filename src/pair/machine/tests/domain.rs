//! What a change of the domain file makes of a server, and servers of other releases.

use super::rig::*;
use crate::pair::action::Why;
use crate::pair::event::Event;
use crate::pair::node::NodeId;
use crate::pair::state::State;

#[test]
fn maintenance_is_obeyed_in_each_state() {
    let mut rig = Rig::standby();
    rig.maintain("lb1", true);
    assert_eq!(rig.machine.state(), State::Maintenance);
    rig.goes("lb2");
    rig.pass(5000);
    assert_eq!(
        rig.machine.state(),
        State::Maintenance,
        "it takes no part in anything"
    );
    rig.maintain("lb1", false);
    assert_eq!(rig.machine.state(), State::Standby);
    rig.pass(2100);
    assert_eq!(
        rig.machine.state(),
        State::Active,
        "it starts as one that has just begun"
    );
    let mut rig = Rig::inactive();
    rig.maintain("lb1", true);
    assert_eq!(rig.machine.state(), State::Maintenance);
    rig.maintain("lb1", false);
    assert_eq!(rig.machine.state(), State::Inactive);
}

#[test]
fn an_active_goes_into_maintenance_by_a_planned_switch() {
    let mut rig = Rig::active();
    rig.maintain("lb1", true);
    assert_eq!(rig.done(), "drain let-go serve");
    assert_eq!(
        rig.machine.state(),
        State::Standby,
        "until the other has claimed"
    );
    *rig.other("lb2") = says_active("lb2", term(2, false));
    rig.pass(60);
    assert_eq!(rig.machine.state(), State::Maintenance);
}

#[test]
fn an_active_goes_into_maintenance_alone_when_nobody_comes() {
    let mut rig = Rig::active();
    rig.goes("lb2");
    rig.pass(300);
    rig.maintain("lb1", true);
    rig.pass(1900);
    assert_eq!(
        rig.machine.state(),
        State::Active,
        "files change one after the other"
    );
    rig.pass(200);
    assert_eq!(rig.machine.state(), State::Maintenance);
    assert!(rig.whys.contains(&Why::MaintenanceForced));
    assert!(!rig.machine.advert().holds);
}

#[test]
fn roles_are_given_and_taken() {
    let mut rig = Rig::standby();
    rig.roles("lb2", None);
    assert_eq!(rig.machine.state(), State::Inactive);
    rig.goes("lb2");
    rig.pass(5000);
    assert_eq!(rig.machine.state(), State::Inactive);
    rig.roles("lb2", Some("lb1"));
    assert_eq!(
        rig.machine.state(),
        State::Standby,
        "an inactive server is promoted by the file"
    );
    rig.pass(2400);
    assert_eq!(rig.machine.state(), State::Active);
}

#[test]
fn an_active_that_loses_its_role_serves_until_somebody_takes_over() {
    let mut rig = Rig::active();
    rig.goes("lb2");
    rig.pass(300);
    rig.roles("lb2", None);
    rig.pass(10_000);
    assert_eq!(rig.machine.state(), State::Active);
    rig.others.insert("lb2", says("lb2"));
    rig.pass(60);
    assert_eq!(rig.done(), "drain let-go serve");
    *rig.other("lb2") = says_active("lb2", term(2, true));
    rig.pass(60);
    assert_eq!(rig.machine.state(), State::Inactive);
}

#[test]
fn main_and_backup_change_their_roles_and_nothing_happens() {
    let mut rig = Rig::active();
    rig.roles("lb2", Some("lb1"));
    rig.pass(3000);
    assert_eq!(
        rig.done(),
        "",
        "no failback: main is only where the service goes first"
    );
}

/// While they cannot reach each other, the file of each comes to name it main, and both claim by the same number: the one
/// whose name ranks higher stays. Both find that out from the first word they hear.
#[test]
fn of_two_that_claimed_by_the_same_term_one_stays_whoever_hears_first() {
    let both = ["lb1", "lb2"];
    let serve = |me: &str, other: &str| {
        let mut domain = domain(me, &both);
        (domain.main, domain.backup) = (NodeId::of(me), Some(NodeId::of(other)));
        let mut rig = Rig::new(domain, Some(Default::default()));
        rig.pass(2500);
        assert_eq!(rig.machine.advert().term, term(1, true), "{me}");
        rig.forget();
        rig
    };
    let stays = both.map(|me| {
        let other = if me == "lb1" { "lb2" } else { "lb1" };
        let mut rig = serve(me, other);
        let advert = serve(other, me).machine.advert();
        rig.on(Event::Heard { link: 0, advert });
        match rig.machine.state() {
            State::Active => assert_eq!(rig.done(), "announce", "{me}"),
            state => assert_eq!(
                (state, rig.done().as_str()),
                (State::Standby, "let-go cut serve")
            ),
        }
        rig.machine.state() == State::Active
    });
    let higher = both.map(|me| both.iter().all(|other| NodeId::of(me) >= NodeId::of(other)));
    assert_eq!(stays, higher);
}

/// A third server that hears both follows the same one of them, in whatever order it knows them.
#[test]
fn who_hears_two_actives_by_the_same_term_follows_the_one_that_stays() {
    for known in [["lb1", "lb2", "lb3"], ["lb2", "lb1", "lb3"]] {
        let mut third = domain("lb3", &known);
        third.hot_standby = false;
        let mut rig = Rig::new(third, Some(Default::default()));
        for name in ["lb1", "lb2", "lb1"] {
            let advert = says_active(name, term(4, true));
            rig.on(Event::Heard { link: 0, advert });
        }
        let stays = NodeId::of("lb1").max(NodeId::of("lb2"));
        let followed = rig.machine.peers.active(rig.now).map(|advert| advert.from);
        assert_eq!(followed, Some(stays));
    }
}

#[test]
fn without_hot_standby_only_main_serves() {
    let mut off = domain("lb1", &["lb1", "lb2"]);
    off.hot_standby = false;
    let mut rig = Rig::new(off, Some(Default::default()));
    rig.pass(2100);
    assert_eq!(rig.machine.state(), State::Active);
    off.me = crate::pair::node::NodeId::of("lb2");
    let mut rig = Rig::new(off, Some(Default::default()));
    rig.pass(5000);
    assert_eq!(rig.machine.state(), State::Inactive);
}

#[test]
fn a_server_alone_in_its_domain_waits_for_nobody() {
    let mut rig = Rig::new(domain("lb1", &["lb1"]), Some(Default::default()));
    rig.pass(60);
    assert_eq!(rig.machine.state(), State::Active);
    rig.pinged = false;
    rig.pass(5000);
    rig.stall(5000);
    assert_eq!(
        rig.machine.state(),
        State::Active,
        "nobody could have taken over"
    );
}

#[test]
fn without_addresses_nobody_is_asked() {
    let mut domain = domain("lb1", &["lb1", "lb2"]);
    domain.has_addresses = false;
    let mut rig = Rig::standby_in(domain);
    rig.goes("lb2");
    rig.pass(260);
    assert_eq!(rig.done(), "vote:6 hold");
}

#[test]
fn a_neighbours_protocol_is_warned_of_and_a_strangers_makes_inactive() {
    let mut rig = Rig::standby();
    *rig.other("lb2") = crate::pair::advert::Advert {
        protocol: 2,
        boot: 2,
        ..*rig.other("lb2")
    };
    rig.pass(60);
    assert_eq!(rig.machine.state(), State::Standby);
    assert_eq!(rig.whys, [Why::NeighbourProtocol { theirs: 2, ours: 1 }]);
    *rig.other("lb2") = crate::pair::advert::Advert {
        protocol: 3,
        boot: 3,
        ..*rig.other("lb2")
    };
    rig.pass(60);
    assert_eq!(rig.machine.state(), State::Inactive);
    assert!(
        rig.whys
            .contains(&Why::NoCommonProtocol { theirs: 3, ours: 1 })
    );
    *rig.other("lb2") = crate::pair::advert::Advert {
        protocol: 1,
        boot: 4,
        ..*rig.other("lb2")
    };
    rig.pass(60);
    assert_eq!(rig.machine.state(), State::Standby);
}

#[test]
fn nothing_is_handed_to_a_server_that_is_not_understood() {
    let mut rig = Rig::active();
    rig.other("lb2").protocol = 3;
    rig.pass(60);
    rig.on(Event::Warden(crate::pair::event::FromWarden::Carrier(
        false,
    )));
    rig.pass(500);
    assert_eq!(rig.machine.state(), State::Active);
}
