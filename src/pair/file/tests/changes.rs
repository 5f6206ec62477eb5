//! One change at a time, and one thing that goes wrong.

use std::time::Duration;

use crate::pair::file::keeper::ANSWER_WITHIN;
use crate::pair::file::keeper::PROMISE_HOLDS;
use crate::pair::file::message::Refusal;
use crate::pair::file::tests::world::World;
use crate::pair::file::tests::world::text;
use crate::pair::file::words::Action;
use crate::pair::file::words::Event;
use crate::pair::file::words::Note;
use crate::pair::file::words::Report;
use crate::pair::node::NodeId;

const WHILE: Duration = Duration::from_secs(30);

fn taken_by(report: &Report) -> Vec<u64> {
    let Report::Taken { said, .. } = report else {
        panic!("{report:?}");
    };
    let mut nodes: Vec<u64> = said
        .iter()
        .filter(|(_, said)| said.is_ok())
        .map(|(node, _)| node.bits())
        .collect();
    nodes.sort_unstable();
    nodes
}

#[test]
fn a_change_is_taken_by_all() {
    let mut world = World::new(3);
    world.settle();
    world.want(1, "a");
    world.settle();
    assert_eq!(world.all_words(), ["a", "a", "a"]);
    assert_eq!(taken_by(&world.servers[1].reports[0]), [0, 1, 2]);
    let head = &world.servers[0].disk.0;
    assert_eq!(head.version.generation, 2);
    assert!(world.servers.iter().all(|server| server.disk.0 == *head));
    world.want(2, "a");
    world.settle();
    assert_eq!(world.servers[2].reports, [Report::Nothing]);
}

#[test]
fn what_one_refuses_nobody_takes() {
    for (wanted_at, words) in [(0, "!2"), (0, "!0"), (2, "!0 and !1")] {
        let mut world = World::new(3);
        world.settle();
        world.want(wanted_at, words);
        world.pass(WHILE);
        assert_eq!(world.all_words(), ["root", "root", "root"], "{words}");
        let [Report::Refused(why)] = &world.servers[wanted_at].reports[..] else {
            panic!("{:?}", world.servers[wanted_at].reports);
        };
        assert!(matches!(why[0].1, Refusal::Mistaken(_)));
        assert!(
            world
                .servers
                .iter()
                .all(|s| s.keeper.as_ref().unwrap().is_idle())
        );
    }
}

#[test]
fn who_is_there_and_silent_stops_a_change() {
    let mut world = World::new(2);
    world.settle();
    world.want(0, "a");
    world.act(0);
    world.act(0);
    world.flying.clear();
    world.pass(ANSWER_WITHIN + Duration::from_secs(1));
    let silent = vec![(world.servers[1].id, Refusal::Silent)];
    assert_eq!(world.servers[0].reports, [Report::Refused(silent)]);
    assert_eq!(world.all_words(), ["root", "root"]);
}

/// A cable was cut, and its stream seems to be up all the same.
#[test]
fn who_is_silent_in_every_way_stops_no_change() {
    for is_known in [true, false] {
        let mut world = World::new(3);
        world.settle();
        let [active, there, gone] = [0, 1, 2].map(|number| world.servers[number].id);
        let silent = |world: &mut World, silent: &[NodeId]| {
            world.give(0, Event::Silent(silent.iter().copied().collect()));
        };
        if is_known {
            silent(&mut world, &[gone]);
        }
        world.want(0, "a");
        world.act(0);
        world.act(0);
        assert_eq!(world.servers[0].id, active);
        world.cable_cut = Some(2);
        if is_known {
            world.settle();
        } else {
            world.pass(ANSWER_WITHIN / 2);
            assert_eq!(world.all_words(), ["root", "root", "root"], "it is asked");
            silent(&mut world, &[gone]);
            world.pass(ANSWER_WITHIN);
        }
        assert_eq!(world.all_words(), ["a", "a", "root"]);
        assert_eq!(taken_by(&world.servers[0].reports[0]), [0, 1]);
        // It is there again, and what was told to it meanwhile with it.
        world.cable_cut = None;
        silent(&mut world, &[]);
        world.pass(Duration::from_secs(3));
        assert_eq!(world.all_words(), ["a", "a", "a"], "known: {is_known}");
        silent(&mut world, &[gone]);
        world.cable_cut = Some(1);
        world.want(0, "b");
        world.pass(WHILE);
        let refused = Report::Refused(vec![(there, Refusal::Silent)]);
        assert_eq!(world.servers[0].reports[1], refused, "that one is there");
    }
}

#[test]
fn who_was_away_catches_up() {
    let mut world = World::new(3);
    world.settle();
    world.crash(2);
    for words in ["a", "b", "c"] {
        world.want(0, words);
        world.settle();
    }
    assert_eq!(world.all_words(), ["c", "c", "root"]);
    world.start(2);
    world.heal();
    world.settle();
    assert_eq!(world.all_words(), ["c", "c", "c"]);
    assert!(world.servers[2].conflicts.is_empty());
    assert!(matches!(
        world.servers[2].notes[..],
        [Note::CaughtUp { .. }]
    ));
}

#[test]
fn who_cannot_take_what_it_missed_says_so_and_tries_again() {
    let mut world = World::new(2);
    world.settle();
    world.cut(0, 1);
    world.want(0, "!1");
    world.settle();
    world.heal();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.all_words(), ["!1", "root"]);
    assert!(matches!(world.servers[1].notes[..], [Note::Unfit { .. }]));
    world.pass(Duration::from_secs(60));
    assert!(world.servers[1].notes.len() >= 5, "every ten seconds");
    world.want(0, "better");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.all_words(), ["better", "better"]);
}

/// Both changed it, and who is to take the other's text cannot: a correction of that text reaches it all the same.
#[test]
fn what_is_to_be_taken_and_cannot_be_is_corrected_where_it_came_from() {
    let mut world = World::new(2);
    world.serve(0, 1);
    world.settle();
    world.cut(0, 1);
    world.want(0, "!1");
    world.want(1, "own");
    world.settle();
    world.heal();
    world.pass(WHILE);
    assert_eq!(world.all_words(), ["!1", "own"], "it cannot, and says so");
    assert!(matches!(world.servers[1].notes[0], Note::Unfit { .. }));
    world.want(0, "better");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.all_words(), ["better", "better"]);
    assert_eq!(taken_by(world.servers[0].reports.last().unwrap()), [0, 1]);
    assert_eq!(world.kept(1), [text("own")]);
    // A change of the one whose text is not to be taken is refused as before.
    let refused =
        |report: &Report| matches!(report, Report::Refused(why) if why[0].1 == Refusal::Stale);
    world.cut(0, 1);
    world.want(0, "!1 again");
    world.want(1, "own again");
    world.settle();
    world.heal();
    world.pass(WHILE);
    world.want(1, "and again");
    world.pass(WHILE);
    assert!(refused(world.servers[1].reports.last().unwrap()));
    assert_eq!(world.all_words(), ["!1 again", "own again"]);
}

#[test]
fn of_two_that_went_separate_ways_the_one_that_was_served_later_is_taken_and_the_other_kept() {
    for (terms, winner) in [([2, 1], "left"), ([1, 2], "right")] {
        let mut world = World::new(2);
        world.settle();
        world.cut(0, 1);
        world.serve(0, terms[0]);
        world.serve(1, terms[1]);
        world.want(0, "left");
        world.want(1, "right");
        world.settle();
        world.heal();
        world.pass(WHILE);
        assert_eq!(world.all_words(), [winner, winner]);
        let kept = [0, 1].map(|number| world.kept(number));
        let expected = match winner {
            "left" => [vec![], vec![text("right")]],
            _ => [vec![text("left")], vec![]],
        };
        assert_eq!(kept, expected);
    }
}

#[test]
fn who_changes_its_file_while_it_is_away_does_not_win_over_the_active() {
    for words in ["a", "b", "c", "d", "e", "f"] {
        let mut world = World::new(2);
        world.serve(0, 1);
        world.want(0, "both");
        world.settle();
        world.cut(0, 1);
        world.want(1, words);
        world.want(0, "active");
        world.settle();
        world.heal();
        world.pass(WHILE);
        assert_eq!(world.all_words(), ["active", "active"]);
        assert_eq!(world.kept(1), [text(words)]);
    }
}

#[test]
fn two_changes_at_once_leave_one_and_the_other_is_told() {
    let mut world = World::new(3);
    world.settle();
    world.want(1, "one");
    world.want(2, "two");
    world.pass(WHILE);
    let words = world.all_words();
    assert!(words.iter().all(|one| *one == words[0]), "{words:?}");
    assert_eq!(words[0], "one", "the lower name goes on");
    assert!(matches!(
        world.servers[1].reports[..],
        [Report::Taken { .. }]
    ));
    assert_eq!(world.servers[2].reports, [Report::Late]);
}

/// Also one that gives way while a later one waits.
#[test]
fn every_wish_is_answered() {
    let mut world = World::new(2);
    world.settle();
    world.want(1, "one");
    world.act(1); // checks
    world.want(1, "later");
    world.want(0, "zero");
    world.pass(WHILE);
    assert_eq!(world.all_words(), ["zero", "zero"]);
    assert_eq!(world.servers[1].reports, [Report::Late, Report::Late]);
}

#[test]
fn who_promised_to_one_that_dies_forgets_it() {
    let mut world = World::new(2);
    world.settle();
    world.want(0, "a");
    world.act(0); // checks
    world.act(0); // proposes
    world.deliver();
    world.act(1); // checks
    world.act(1); // promises
    world.crash(0);
    world.pass(PROMISE_HOLDS + Duration::from_secs(1));
    assert!(world.servers[1].keeper.as_ref().unwrap().is_idle());
    world.start(0);
    world.heal();
    world.want(1, "b");
    world.pass(WHILE);
    assert_eq!(world.all_words(), ["b", "b"]);
}

#[test]
fn who_missed_the_word_catches_up_with_one_that_has_taken_it() {
    let mut world = World::new(3);
    world.settle();
    world.want(0, "a");
    // Until it is on the disk of the one who wanted it, and nobody has heard of that.
    while world.words(0) != "a" {
        for number in 0..3 {
            world.act(number);
        }
        if world.words(0) != "a" {
            world.deliver();
        }
    }
    world.crash(0);
    world.settle();
    assert_eq!(world.all_words(), ["a", "root", "root"]);
    world.want(1, "b");
    world.pass(PROMISE_HOLDS + Duration::from_secs(1));
    assert_eq!(world.all_words(), ["a", "b", "b"]);
    world.start(0);
    world.serve(1, 1);
    world.heal();
    world.pass(WHILE);
    assert_eq!(world.all_words(), ["b", "b", "b"]);
    assert_eq!(world.kept(0), [text("a")], "accepted, so kept");
}

#[test]
fn a_disk_that_is_full_stops_a_change_of_its_own_and_delays_anothers() {
    let mut world = World::new(2);
    world.settle();
    world.servers[0].disk_full = true;
    world.want(0, "a");
    world.pass(WHILE);
    assert_eq!(world.all_words(), ["root", "root"]);
    world.want(1, "b");
    world.settle();
    assert_eq!(world.all_words(), ["root", "b"]);
    let report = world.servers[1].reports.last().unwrap();
    assert_eq!(taken_by(report), [1]);
    world.servers[0].disk_full = false;
    world.pass(WHILE);
    assert_eq!(world.all_words(), ["b", "b"]);
}

#[test]
fn a_change_that_was_made_from_something_older_is_not_taken() {
    let mut world = World::new(2);
    world.settle();
    let base = world.servers[0].disk.0.version;
    world.want(1, "a");
    world.settle();
    let text = text("b");
    world.give(0, Event::Wanted { base, text });
    world.settle();
    assert_eq!(world.servers[0].reports, [Report::Late]);
    assert_eq!(world.all_words(), ["a", "a"]);
}

#[test]
fn a_text_that_is_not_what_its_version_says_is_not_taken() {
    let mut world = World::new(2);
    world.settle();
    let head = world.servers[0].disk.0.child(1, b"a");
    let (from, version) = (world.servers[0].id, head.version);
    let message = crate::pair::file::message::Message::Propose {
        head,
        text: text("other"),
    };
    world.give(1, Event::Heard { from, message });
    let told = world.servers[1].to_do.pop_front();
    let why = Refusal::Mistaken("damaged".to_owned());
    let message = crate::pair::file::message::Message::Refused { version, why };
    assert_eq!(told, Some(Action::Tell { to: from, message }));
    world.settle();
    assert_eq!(world.all_words(), ["root", "root"]);
}
