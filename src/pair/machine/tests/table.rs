//! The truth table: from each state, what happens, what it becomes, and what is done for it.

use std::time::Duration;

use super::rig::*;
use crate::pair::action::Why;
use crate::pair::advert::Advert;
use crate::pair::advert::FileVersion;
use crate::pair::advert::Wish;
use crate::pair::event::Event;
use crate::pair::event::FromWarden;
use crate::pair::event::Order;
use crate::pair::event::Plane;
use crate::pair::event::Readiness;
use crate::pair::event::Reply;
use crate::pair::node::NodeId;
use crate::pair::state::State;

/// From where, what happens, what it is then, what it has done; and how it happens.
type Row = (fn() -> Rig, &'static str, State, &'static str, fn(&mut Rig));

fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (from, what, to, done, happens) in rows {
        let mut rig = from();
        let was = rig.machine.state();
        happens(&mut rig);
        let is = rig.machine.state();
        if is != *to || rig.done() != *done {
            let found = rig.done();
            let whys = &rig.whys;
            wrong.push(format!(
                "{} | {what}\n   wanted {} | {done}\n   found  {} | {found}\n   {whys:?}",
                was.word(),
                to.word(),
                is.word(),
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const ACTIVATE: Order = Order::Activate { cut: true };

fn main_starts() -> Rig {
    Rig::new(domain("lb1", &["lb1", "lb2"]), Some(Default::default()))
}

fn backup_starts() -> Rig {
    Rig::new(domain("lb2", &["lb1", "lb2"]), Some(Default::default()))
}

fn starting(name: &str) -> Advert {
    Advert {
        starting: true,
        ..says(name)
    }
}

#[test]
#[rustfmt::skip] // a table
fn who_starts_waits_for_the_peer_and_asks() {
    use State::*;
    check(&[
        (main_starts, "hears nobody for less than 2 s", Standby, "",
            |rig| rig.pass(1990)),
        (main_starts, "hears nobody for 2 s", Active, "ask vote:1 hold",
            |rig| rig.pass(2010)),
        (backup_starts, "hears nobody for 2.2 s", Standby, "",
            |rig| rig.pass(2290)),
        (backup_starts, "hears nobody for 2.3 s", Active, "ask vote:1 hold",
            |rig| rig.pass(2310)),
        (main_starts, "hears the peer begin", Active, "ask vote:1 hold",
            |rig| { rig.others.insert("lb2", starting("lb2")); rig.pass(60); }),
        (backup_starts, "hears main begin", Standby, "",
            |rig| { rig.others.insert("lb1", starting("lb1")); rig.pass(250); }),
        (backup_starts, "hears main begin and not get on", Active, "ask vote:1 hold",
            |rig| { rig.others.insert("lb1", starting("lb1")); rig.pass(400); }),
        (main_starts, "hears an active peer", Standby, "note:5",
            |rig| { rig.others.insert("lb2", says_active("lb2", term(5, false))); rig.pass(3000); }),
        (backup_starts, "hears main claim", Standby, "",
            |rig| { let mut main = starting("lb1"); main.conditions.claiming = true;
                rig.others.insert("lb1", main); rig.pass(3000); }),
        (main_starts, "hears a standby that was there before", Standby, "",
            |rig| { rig.others.insert("lb2", says("lb2")); rig.pass(1900); }),
        (main_starts, "somebody answers for the addresses", Standby, "ask",
            |rig| { rig.reply = Some(Reply::Somebody); rig.pass(2500); }),
        (main_starts, "hears somebody who released long ago: it asks all the same", Active, "ask vote:6 hold",
            |rig| { rig.others.insert("lb2", Advert { released: Some(term(5, false)), term: term(5, false), ..starting("lb2") });
                rig.pass(60); }),
        (main_starts, "cannot ask", Standby, "ask",
            |rig| { rig.reply = Some(Reply::Unable); rig.pass(2500); }),
        (main_starts, "the warden never answers", Standby, "ask",
            |rig| { rig.reply = None; rig.pass(2500); }),
        (main_starts, "the disk is full", Standby, "ask vote:1 ask",
            |rig| { rig.disk = Some(false); rig.pass(2400); }),
        (main_starts, "neither a ping address nor a peer", Standby, "",
            |rig| { rig.pinged = false; rig.pass(3000); }),
        (main_starts, "no carrier", Standby, "",
            |rig| { rig.on(Event::Warden(FromWarden::Carrier(false))); rig.pass(3000); }),
    ]);
}

#[test]
#[rustfmt::skip] // a table
fn a_standby_takes_over_from_a_dead_active() {
    use State::*;
    check(&[
        (Rig::standby, "the active goes on", Standby, "",
            |rig| rig.pass(3000)),
        (Rig::standby, "the active misses two adverts", Standby, "",
            |rig| { rig.goes("lb2"); rig.pass(140); }),
        (Rig::standby, "the active misses five adverts", Active, "ask vote:6 hold",
            |rig| { rig.goes("lb2"); rig.pass(250); }),
        (Rig::standby, "… and somebody answers", Standby, "ask",
            |rig| { rig.reply = Some(Reply::Somebody); rig.goes("lb2"); rig.pass(1000); }),
        (Rig::standby, "… and then nobody does", Active, "ask vote:6 hold",
            |rig| { rig.reply = Some(Reply::Somebody); rig.goes("lb2"); rig.pass(1000);
                rig.reply = Some(Reply::Silence); rig.pass(110); }),
        (Rig::standby, "the active misses three adverts and is heard again", Standby, "ask",
            |rig| { let word = *rig.other("lb2"); rig.goes("lb2"); rig.pass(190);
                rig.others.insert("lb2", word); rig.pass(500); }),
        (Rig::standby, "the active's stream ends", Active, "ask vote:6 hold",
            |rig| { rig.goes("lb2"); rig.on(Event::Crashed { node: NodeId::of("lb2"), boot: 1 }); }),
        (Rig::standby, "another boot's stream ends", Standby, "",
            |rig| { rig.on(Event::Crashed { node: NodeId::of("lb2"), boot: 9 }); rig.pass(100); }),
        (Rig::standby, "the active starts anew", Active, "ask vote:6 hold",
            |rig| { rig.others.insert("lb2", Advert { boot: 2, term: term(5, false), ..starting("lb2") });
                rig.pass(60); }),
        (Rig::standby, "the active says that it does not hold the addresses", Active, "ask vote:6 hold",
            |rig| { rig.other("lb2").holds = false; rig.pass(60); }),
        (Rig::standby, "the active dies while this one is isolated", Standby, "ask",
            |rig| { rig.pinged = false; rig.pass(1000); rig.goes("lb2"); rig.pass(200); rig.reply = None;
                rig.pass(2000); rig.reply = Some(Reply::Silence); rig.pass(500); }),
        (Rig::standby, "all fall silent; a ping address answered before the active's next word was due", Standby, "ask",
            |rig| { rig.goes("lb2"); rig.pinged = false; rig.pass(30); rig.on(Event::Warden(FromWarden::Reached));
                rig.reply = None; rig.pass(300); rig.reply = Some(Reply::Silence); rig.pass(3000); }),
        (Rig::standby, "… and when it was overdue", Active, "ask vote:6 hold",
            |rig| { rig.goes("lb2"); rig.pinged = false; rig.pass(61); rig.on(Event::Warden(FromWarden::Reached));
                rig.pass(190); }),
        (Rig::standby, "the active dies and this one has no carrier", Standby, "",
            |rig| { rig.on(Event::Warden(FromWarden::Carrier(false))); rig.goes("lb2"); rig.pass(2000); }),
        (Rig::standby, "the active dies and this one's worker is lost", Standby, "",
            |rig| { rig.on(Event::Plane(Plane::Broken)); rig.goes("lb2"); rig.pass(2000); }),
        (Rig::standby, "the active dies and this one has failed: last resort", Active, "done ask vote:6 hold",
            |rig| { rig.order(Order::ReportFailure); rig.goes("lb2"); rig.pass(300); }),
        (Rig::standby, "the active dies and the disk does not answer", Standby, "ask vote:6 ask",
            |rig| { rig.disk = None; rig.goes("lb2"); rig.pass(2000); }),
        (Rig::standby, "the active dies and this one is to end", Standby, "leave",
            |rig| { rig.order(Order::Leave); rig.goes("lb2"); rig.pass(2000); }),
    ]);
}

#[test]
#[rustfmt::skip] // a table
fn an_operator_makes_a_standby_active() {
    use State::*;
    check(&[
        (Rig::standby, "activate: the active does not take it up", Standby, "refused:NotTaken { waited_ms: 500 }",
            |rig| { rig.order(ACTIVATE); rig.pass(520); }),
        (Rig::standby, "activate: the active hands over and lets go", Active, "vote:6 done hold",
            |rig| { rig.order(ACTIVATE); assert_eq!(rig.machine.advert().wish, Wish::Switch);
                rig.other("lb2").handing = Some(NodeId::of("lb1")); rig.pass(3000);
                *rig.other("lb2") = Advert { released: Some(term(5, false)), term: term(5, false), ..says("lb2") };
                rig.pass(60); }),
        (Rig::standby, "activate without cutting: called off", Standby, "refused:CalledOff { grace_ms: 5000 }",
            |rig| { rig.order(Order::Activate { cut: false });
                assert_eq!(rig.machine.advert().wish, Wish::SwitchWithoutCut);
                rig.other("lb2").handing = Some(NodeId::of("lb1")); rig.pass(3000);
                rig.other("lb2").handing = None; rig.pass(60); }),
        (Rig::standby, "activate: the active dies meanwhile", Active, "ask vote:6 done hold",
            |rig| { rig.order(ACTIVATE); rig.goes("lb2"); rig.pass(300); }),
        (Rig::standby, "activate twice", Standby, "refused:AlreadySwitching",
            |rig| { rig.order(ACTIVATE); rig.order(ACTIVATE); }),
        (Rig::standby, "activate: the files differ", Standby, "refused:FileDiffers",
            |rig| { rig.other("lb2").file = FileVersion { generation: 8, ..FILE }; rig.pass(60);
                rig.order(ACTIVATE); }),
        (Rig::standby, "activate: the mirror is behind", Standby, "refused:MirrorBehind",
            |rig| { rig.on(Event::Readiness(Readiness { file: FILE, mirrored: false, outputs_up: true }));
                rig.order(ACTIVATE); }),
        (Rig::standby, "activate: no output is up", Standby, "refused:OutputsDown",
            |rig| { rig.on(Event::Readiness(Readiness { file: FILE, mirrored: true, outputs_up: false }));
                rig.order(ACTIVATE); }),
        (Rig::standby, "activate: no carrier", Standby, "refused:NotAble",
            |rig| { rig.on(Event::Warden(FromWarden::Carrier(false))); rig.order(ACTIVATE); }),
        (Rig::standby, "activate: this one has failed", Standby, "done refused:HasFailed",
            |rig| { rig.order(Order::ReportFailure); rig.order(ACTIVATE); }),
        (Rig::standby, "activate: failed and acknowledged", Standby, "done done",
            |rig| { rig.order(Order::ReportFailure); rig.order(Order::Acknowledge); rig.order(ACTIVATE); }),
        (main_starts, "activate: nobody is active", Standby, "refused:NobodyToTakeFrom",
            |rig| rig.order(ACTIVATE)),
        (Rig::active, "activate", Active, "refused:NotStandby { state: Active }",
            |rig| rig.order(ACTIVATE)),
        (Rig::inactive, "activate", Inactive, "refused:NotStandby { state: Inactive }",
            |rig| rig.order(ACTIVATE)),
        (Rig::maintenance, "activate", Maintenance, "refused:NotStandby { state: Maintenance }",
            |rig| rig.order(ACTIVATE)),
        (Rig::standby, "put into maintenance with a wish", Maintenance, "refused:NotStandby { state: Maintenance }",
            |rig| { rig.order(ACTIVATE); rig.maintain("lb1", true); }),
    ]);
}

/// The successor takes what has been released.
fn takes(rig: &mut Rig) {
    *rig.other("lb2") = says_active("lb2", term(2, false));
    rig.pass(60);
}

#[test]
#[rustfmt::skip] // a table
fn an_active_hands_over_by_plan() {
    use State::*;
    check(&[
        (Rig::active, "the ready standby wishes it", Standby, "drain let-go serve note:2",
            |rig| { rig.other("lb2").wish = Wish::Switch; rig.pass(60); takes(rig); }),
        (Rig::active, "a standby that is not ready wishes it", Active, "",
            |rig| { rig.other("lb2").wish = Wish::Switch; rig.other("lb2").ready = false; rig.pass(500); }),
        (Rig::active, "a standby with another file wishes it", Active, "",
            |rig| { rig.other("lb2").wish = Wish::Switch;
                rig.other("lb2").file = FileVersion { generation: 8, ..FILE }; rig.pass(500); }),
        (Rig::active, "… and something stays under way: cut", Standby, "drain | cut let-go note:2 serve",
            |rig| { rig.drains = false; rig.other("lb2").wish = Wish::Switch; rig.pass(4990);
                rig.done.push("|".into()); rig.pass(300); takes(rig); rig.pass(100); }),
        (Rig::active, "… and something stays under way: called off", Active, "drain serve",
            |rig| { rig.drains = false; rig.other("lb2").wish = Wish::SwitchWithoutCut; rig.pass(6000); }),
        (Rig::active, "… and the standby dies meanwhile", Active, "drain serve",
            |rig| { rig.drains = false; rig.other("lb2").wish = Wish::Switch; rig.pass(100);
                rig.goes("lb2"); rig.pass(300); }),
        (Rig::active, "… and the standby does not claim: claims back by a higher term", Active, "drain let-go serve ask vote:2 hold",
            |rig| { rig.other("lb2").wish = Wish::Switch; rig.pass(700); }),
        (Rig::active, "… and the standby does not claim, but answers for the addresses", Standby, "drain let-go serve ask",
            |rig| { rig.reply = Some(Reply::Somebody); rig.other("lb2").wish = Wish::Switch; rig.pass(700); }),
        (Rig::active, "… and the warden does not say that they are gone", Active, "drain let-go",
            |rig| { rig.warden = false; rig.other("lb2").wish = Wish::Switch; rig.pass(540);
                assert_eq!(rig.machine.advert().released, None); }),
        (Rig::active, "is to end, and the standby takes it", Standby, "drain let-go serve note:2 leave",
            |rig| { rig.order(Order::Leave); rig.pass(10); takes(rig); }),
        (Rig::active, "is to end, and the standby does not take it", Standby, "drain let-go serve leave",
            |rig| { rig.order(Order::Leave); rig.pass(600); }),
        (Rig::active, "is to end, and there is no standby", Active, "leave",
            |rig| { rig.goes("lb2"); rig.pass(300); rig.order(Order::Leave); }),
        (Rig::active, "is to end, and only a failing standby is there", Active, "leave",
            |rig| { rig.other("lb2").conditions.failing = true; rig.pass(100); rig.order(Order::Leave); }),
        (Rig::active, "reports a failure, and a ready standby is there", Standby, "done drain let-go serve note:2",
            |rig| { rig.order(Order::ReportFailure); takes(rig); }),
        (Rig::active, "reports a failure, and the standby has failed, too", Active, "done",
            |rig| { rig.other("lb2").conditions.failing = true; rig.pass(60);
                rig.order(Order::ReportFailure); rig.pass(500); }),
        (Rig::active, "reports a failure with the option off", Active, "done",
            |rig| { rig.domain.activate_backup_on_local_failure = false; rig.on(Event::Domain(rig.domain));
                rig.order(Order::ReportFailure); rig.pass(500); }),
    ]);
}

#[test]
#[rustfmt::skip] // a table
fn an_active_hands_over_at_a_fault() {
    use State::*;
    check(&[
        (Rig::active, "a worker is lost", Standby, "let-go cut serve note:2",
            |rig| { rig.on(Event::Plane(Plane::Broken)); takes(rig); rig.pass(300); }),
        (Rig::active, "a worker is lost, and nobody can take it", Active, "let-go",
            |rig| { rig.goes("lb2"); rig.pass(300); rig.on(Event::Plane(Plane::Broken)); rig.pass(300); }),
        (Rig::active, "… and serves again", Active, "let-go hold",
            |rig| { rig.goes("lb2"); rig.pass(300); rig.on(Event::Plane(Plane::Broken)); rig.pass(300);
                rig.on(Event::Plane(Plane::Serves)); rig.pass(300); }),
        (Rig::active, "a worker is lost with the option off: it only lets go", Active, "let-go",
            |rig| { rig.domain.activate_backup_on_local_failure = false; rig.on(Event::Domain(rig.domain));
                rig.on(Event::Plane(Plane::Broken)); rig.pass(100); assert!(!rig.machine.advert().holds); }),
        (Rig::active, "the carrier is lost", Standby, "let-go cut serve note:2",
            |rig| { rig.on(Event::Warden(FromWarden::Carrier(false))); takes(rig); rig.pass(300);
                assert!(!rig.machine.advert().ready); }),
        (Rig::active, "the carrier is lost, and nobody can take it", Active, "",
            |rig| { rig.goes("lb2"); rig.pass(300); rig.on(Event::Warden(FromWarden::Carrier(false)));
                rig.pass(300); }),
        (Rig::active, "pings are silent for less than 500 ms", Active, "",
            |rig| { rig.pinged = false; rig.pass(440); }),
        (Rig::active, "pings are silent for 500 ms", Standby, "let-go cut serve note:2",
            |rig| { rig.pinged = false; rig.pass(510); takes(rig); rig.pass(300); }),
        (Rig::active, "pings are silent, at the standby, too", Active, "",
            |rig| { rig.pinged = false; rig.other("lb2").reaches_ping = false; rig.pass(3000); }),
        (Rig::active, "pings fall silent while it drains: nobody is waited for", Standby, "drain let-go cut note:2 serve",
            |rig| { rig.drains = false; rig.other("lb2").wish = Wish::Switch; rig.pass(100);
                rig.pinged = false; rig.pass(510); takes(rig); rig.pass(300);
                assert!(!rig.machine.advert().ready); }),
        (Rig::active, "the carrier is lost soon after a switch was called off", Standby, "drain serve let-go cut serve note:2",
            |rig| { rig.drains = false; rig.other("lb2").wish = Wish::SwitchWithoutCut; rig.pass(5100);
                rig.other("lb2").wish = Wish::None; rig.pass(100); rig.drains = true;
                rig.on(Event::Warden(FromWarden::Carrier(false))); takes(rig); rig.pass(300); }),
        (Rig::active, "the warden dies, and another one is there", Active, "",
            |rig| { rig.on(Event::Warden(FromWarden::Lost)); rig.on(Event::Warden(FromWarden::Holds(true)));
                rig.pass(3000); }),
        (Rig::active, "… and has cleared up: nobody waits for the addresses to come by themselves", Active, "ask let-go hold",
            |rig| { rig.on(Event::Warden(FromWarden::Lost)); rig.pass(10);
                rig.on(Event::Warden(FromWarden::Holds(false))); rig.pass(1); }),
        (Rig::active, "the addresses are gone: they are ordered afresh", Active, "ask let-go hold",
            |rig| { rig.on(Event::Warden(FromWarden::Holds(false))); rig.pass(3000); }),
        (Rig::active, "the addresses are gone, and somebody else has them by now", Standby, "ask let-go cut serve ask",
            |rig| { rig.reply = Some(Reply::Somebody); rig.on(Event::Warden(FromWarden::Holds(false))); rig.pass(1000); }),
        (Rig::active, "the addresses do not come", Standby, 
            "ask let-go hold ask let-go hold ask let-go hold ask let-go hold let-go cut serve note:2",
            |rig| { rig.warden = false; rig.on(Event::Warden(FromWarden::Holds(false))); rig.pass(1100); takes(rig);
                rig.pass(300); }),
        (Rig::active, "the addresses come late, and nobody else can have them", Active, "ask let-go hold ask let-go hold",
            |rig| { rig.goes("lb2"); rig.pass(300); rig.warden = false;
                rig.on(Event::Warden(FromWarden::Holds(false))); rig.pass(210); rig.warden = true; rig.pass(3000); }),
    ]);
}

#[test]
#[rustfmt::skip] // a table
fn an_active_that_is_not_sure_lets_go() {
    use State::*;
    check(&[
        (Rig::active, "the standby is gone, pings answer", Active, "",
            |rig| { rig.goes("lb2"); rig.pass(5000); }),
        (Rig::active, "the standby is gone, and pings are silent for 1 s", Standby, "let-go cut serve",
            |rig| { rig.goes("lb2"); rig.pinged = false; rig.pass(1060); }),
        (Rig::active, "… and a ping address answers again", Active, "let-go cut serve ask vote:2 hold",
            |rig| { rig.goes("lb2"); rig.pinged = false; rig.pass(3000); rig.pinged = true; rig.pass(100); }),
        (Rig::active, "the same without ping addresses: the rule is off", Active, "",
            |rig| { rig.domain.has_ping = false; rig.on(Event::Domain(rig.domain)); rig.goes("lb2");
                rig.pinged = false; rig.pass(3000); }),
        (Rig::active, "was not run for 199 ms", Active, "",
            |rig| rig.stall(149)),
        (Rig::active, "was not run for 300 ms", Standby, "let-go cut serve",
            |rig| rig.stall(300)),
        (Rig::active, "… and nobody has taken over", Active, "let-go cut serve ask vote:2 hold",
            |rig| { rig.stall(300); rig.pass(200); }),
        (Rig::active, "… and somebody has", Standby, "let-go cut serve note:2",
            |rig| { rig.stall(300); *rig.other("lb2") = says_active("lb2", term(2, false)); rig.pass(500); }),
        (Rig::active, "hears an active with a higher term", Standby, "let-go note:2 cut serve",
            |rig| { *rig.other("lb2") = says_active("lb2", term(2, false)); rig.pass(60); }),
        (Rig::active, "hears an active with a lower term: it stays, and says so again when the other has let go", Active, "announce announce",
            |rig| { *rig.other("lb2") = says_active("lb2", term(1, false)); rig.pass(60);
                *rig.other("lb2") = says("lb2"); rig.pass(60); }),
    ]);
}

/// Warden and keeper have died: nobody renews the addresses, and nobody takes them away but the kernel.
fn is_forsaken(rig: &mut Rig) {
    rig.warden = false;
    rig.on(Event::Warden(FromWarden::Ended));
}

#[test]
#[rustfmt::skip] // a table
fn who_can_hold_nothing_again_serves_until_the_kernel_has_the_addresses_no_more() {
    use State::*;
    let gone = Event::Warden(FromWarden::Holds(false));
    check(&[
        (Rig::active, "the kernel may still have them", Active, "let-go",
            |rig| { is_forsaken(rig); rig.pass(1900); }),
        (Rig::active, "… also when nobody else is heard: nobody asks the ping addresses", Active, "let-go",
            |rig| { is_forsaken(rig); rig.goes("lb2"); rig.pinged = false; rig.pass(1900); }),
        (Rig::active, "they are seen to be gone", Standby, "let-go cut serve",
            |rig| { is_forsaken(rig); rig.pass(900); rig.on(Event::Warden(FromWarden::Holds(false))); rig.pass(300); }),
        (Rig::active, "nobody sees that, and the longest lifetime is over", Standby, "let-go cut serve",
            |rig| { is_forsaken(rig); rig.pass(2300); }),
        (Rig::active, "somebody else is active by a higher term", Standby, "let-go note:2 cut serve",
            |rig| { is_forsaken(rig); *rig.other("lb2") = says_active("lb2", term(2, false)); rig.pass(300); }),
        (Rig::active, "an operator wants to switch: the kernel is not asked to let go", Active, "let-go",
            |rig| { is_forsaken(rig); rig.other("lb2").wish = Wish::Switch; rig.pass(1000); }),
        (Rig::active, "in the middle of a switch, which goes on", Standby, "drain let-go serve",
            |rig| { rig.drains = false; rig.other("lb2").wish = Wish::Switch; rig.pass(60); is_forsaken(rig); rig.pass(500);
                rig.on(Event::Plane(Plane::Drained)); rig.on(Event::Warden(FromWarden::Holds(false))); }),
        (Rig::standby, "a standby takes nothing over any more", Standby, "",
            |rig| { is_forsaken(rig); rig.goes("lb2"); rig.pass(3000); }),
    ]);
    for (seen, released) in [(true, Some(term(1, true))), (false, None)] {
        let mut rig = Rig::active();
        is_forsaken(&mut rig);
        rig.order(Order::Leave);
        rig.pass(900);
        assert!(rig.machine.advert().holds);
        assert_eq!(rig.done(), "let-go", "not before they are gone");
        if seen { rig.on(gone); } else { rig.pass(1200); }
        let advert = rig.machine.advert();
        assert!(!advert.holds && !advert.able);
        assert_eq!(advert.released, released, "who has not seen it has it asked");
        assert_eq!(rig.done(), "let-go cut leave serve");
    }
}

#[test]
fn an_active_that_hands_over_because_of_its_network_is_not_ready_for_30_s() {
    let mut rig = Rig::active();
    rig.on(Event::Warden(FromWarden::Carrier(false)));
    takes(&mut rig);
    rig.on(Event::Warden(FromWarden::Carrier(true)));
    rig.pass(20_000);
    rig.forget();
    rig.order(ACTIVATE);
    assert!(
        rig.done().starts_with("refused:HandedOverLately"),
        "{}",
        rig.done()
    );
    assert!(!rig.machine.advert().ready);
    // The new active loses it, too.
    rig.forget();
    rig.goes("lb2");
    rig.pass(300);
    assert_eq!(rig.machine.state(), State::Active, "{:?}", rig.whys);
    let mut rig = Rig::active();
    rig.on(Event::Warden(FromWarden::Carrier(false)));
    takes(&mut rig);
    rig.on(Event::Warden(FromWarden::Carrier(true)));
    rig.pass(31_000);
    assert!(rig.machine.advert().ready);
}

/// What a warden that died has left stays for the lease that the file says, and a moment longer.
#[test]
fn what_a_dead_warden_held_is_not_called_gone_before_its_lease_is_over() {
    let mut domain = domain("lb1", &["lb1", "lb2"]);
    domain.lease = Duration::from_secs(10);
    domain.activate_backup_on_local_failure = false;
    let mut rig = Rig::active_in(domain);
    rig.warden = false;
    rig.on(Event::Warden(FromWarden::Lost));
    // As where the keeper has died, too: nobody can hold anything here any more.
    rig.on(Event::Plane(Plane::Broken));
    rig.pass(10_900);
    assert!(rig.machine.advert().holds);
    rig.pass(200);
    assert!(!rig.machine.advert().holds);
}

#[test]
fn a_server_whose_ballot_cannot_be_read_starts_as_standby_and_asks() {
    let mut rig = Rig::new(domain("lb1", &["lb1", "lb2"]), None);
    assert_eq!(rig.whys[..2], [Why::Started, Why::BallotUnread]);
    rig.others.insert(
        "lb2",
        Advert {
            term: term(41, false),
            ..starting("lb2")
        },
    );
    rig.pass(250);
    assert_eq!(rig.machine.state(), State::Standby);
    rig.pass(200);
    assert_eq!(rig.machine.state(), State::Active);
    assert_eq!(rig.machine.term(), term(42, true));
}
