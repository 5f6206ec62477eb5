//! What people read.

use crate::pair::action::Why;
use crate::pair::event::Event;
use crate::pair::event::FromWarden;
use crate::pair::machine::tests::rig::Rig;
use crate::pair::state::State;
use crate::pair::term::Term;

fn term(number: u64) -> Term {
    Term { number, main: true }
}

/// A sentence speaks; the name of a variant does not.
#[test]
fn each_reason_has_a_sentence() {
    let (theirs, ours) = (2, 1);
    let all = [
        Why::Started,
        Why::BallotUnread,
        Why::ActiveSilent { silent_ms: 250 },
        Why::ActiveCrashed,
        Why::ActiveLetGo,
        Why::NobodyActive,
        Why::Handed,
        Why::ClaimedBack,
        Why::OtherIsActive { term: term(7) },
        Why::HigherTerm { term: term(7) },
        Why::LowerTerm { term: term(7) },
        Why::Isolated { silent_ms: 1000 },
        Why::IsolatedNoMore,
        Why::NoMajority {
            reached: 1,
            needed: 2,
        },
        Why::Stalled { stood_ms: 300 },
        Why::Blind,
        Why::BlindNoMore,
        Why::CannotAsk,
        Why::NotStored,
        Why::PeerSilent { silent_ms: 250 },
        Why::PeerCrashed,
        Why::PeerBack,
        Why::WardenLost,
        Why::WardenLetGo,
        Why::WardenEnded,
        Why::Expired,
        Why::ServesAgain,
        Why::SwitchOrdered,
        Why::Released,
        Why::Leaving,
        Why::Reported,
        Why::Acknowledged,
        Why::PlaneBroken,
        Why::CarrierLost,
        Why::CarrierBack,
        Why::CannotHold,
        Why::SuccessorLost,
        Why::PingLost { silent_ms: 500 },
        Why::MaintenanceOn,
        Why::MaintenanceForced,
        Why::MaintenanceOff,
        Why::RoleGone,
        Why::RoleGiven,
        Why::NeighbourProtocol { theirs, ours },
        Why::NoCommonProtocol { theirs, ours },
        Why::OtherRelease { theirs: 2, ours: 1 },
    ];
    for why in all.into_iter().chain(refusals()) {
        let sentence = why.sentence("lb1", Some("lb2")).to_string();
        assert!(sentence.split(' ').count() >= 3, "{sentence}");
        assert!(!sentence.contains(&format!("{why:?}")), "{sentence}");
    }
}

/// Why an order is not carried out.
fn refusals() -> [Why; 13] {
    [
        Why::NotStandby {
            state: State::Inactive,
        },
        Why::NobodyToTakeFrom,
        Why::FileDiffers,
        Why::MirrorBehind,
        Why::OutputsDown,
        Why::NotAble,
        Why::HasFailed,
        Why::HandedOverLately { left_ms: 9 },
        Why::AlreadySwitching,
        Why::NotTaken { waited_ms: 500 },
        Why::CalledOff { grace_ms: 5000 },
        Why::SwitchOverdue,
        Why::EndsItself,
    ]
}

/// Of two servers that lose a gateway the other one may have had its last answer 200 ms earlier, and hands over after
/// 500 ms without one if this server seems to reach it: two adverts before that it has to say no.
#[test]
fn a_server_says_in_time_that_no_ping_address_answers() {
    let mut rig = Rig::standby();
    rig.pass(1000);
    rig.pinged = false;
    rig.pass(150);
    assert!(rig.machine.advert().reaches_ping, "one answer is due");
    rig.pass(100);
    assert!(!rig.machine.advert().reaches_ping);
}

/// The service is away for as long as it takes to have them added again, and nothing else would say so.
#[test]
fn addresses_that_go_without_an_order_are_said() {
    let mut rig = Rig::active();
    rig.warden = false;
    let said = |rig: &mut Rig| {
        rig.forget();
        rig.on(Event::Warden(FromWarden::Holds(false)));
        rig.whys.contains(&Why::WardenLetGo)
    };
    assert!(said(&mut rig));
    assert!(!said(&mut rig), "once");
    assert!(!said(&mut Rig::standby()));
}
