//! What one server's file is to another's: the truth table.

use crate::pair::file::head::ANCESTORS_MAX;
use crate::pair::file::head::Head;
use crate::pair::file::head::Relation;
use crate::pair::term::Term;

fn served(head: &Head, number: u64, main: bool) -> Head {
    Head {
        served: Term { number, main },
        own: Term { number, main },
        ..head.clone()
    }
}

#[test]
fn truth_table() {
    let root = Head::first(b"root");
    let (left, right) = (root.child(1, b"left"), root.child(1, b"right"));
    let later = left.child(1, b"later");
    let other = Head::first(b"other");
    let before = served(&root, 2, true);
    let went_on = Head {
        own: before.served,
        ..before.child(2, b"left")
    };
    let beside = before.child(2, b"right").child(2, b"right again");
    let same_words = left.child(7, b"x").child(7, b"left");
    for (name, ours, theirs, expected) in [
        ("the same", &root, &root, Relation::Same),
        ("they were away", &left, &root, Relation::Behind),
        ("they were away for long", &later, &root, Relation::Behind),
        ("we were away", &root, &left, Relation::Ahead),
        ("we were away for long", &root, &later, Relation::Ahead),
        (
            "both changed it, ours was served later",
            &served(&left, 3, false),
            &served(&right, 2, true),
            Relation::WeWin,
        ),
        (
            "both changed it, theirs was served later",
            &served(&left, 2, true),
            &served(&right, 3, false),
            Relation::TheyWin,
        ),
        (
            "the same term number: main's is the higher",
            &served(&left, 2, false),
            &served(&right, 2, true),
            Relation::TheyWin,
        ),
        (
            "a longer line counts for nothing against a later term",
            &served(&later, 1, true),
            &served(&right, 2, false),
            Relation::TheyWin,
        ),
        (
            "a child is the later one, whatever was served",
            &served(&root, 9, true),
            &served(&left, 1, false),
            Relation::Ahead,
        ),
        (
            "both came from what was served: the one that the active went on with",
            &went_on,
            &beside,
            Relation::WeWin,
        ),
        (
            "never met, never served: the longer line",
            &later,
            &other,
            Relation::WeWin,
        ),
        (
            "the same words in the end are no conflict",
            &same_words,
            &right.child(1, b"left"),
            Relation::Behind,
        ),
    ] {
        assert_eq!(ours.relation(theirs), expected, "{name}");
        let back = match expected {
            Relation::Same => Relation::Same,
            Relation::Behind => Relation::Ahead,
            Relation::Ahead => Relation::Behind,
            Relation::WeWin => Relation::TheyWin,
            Relation::TheyWin => Relation::WeWin,
        };
        assert_eq!(theirs.relation(ours), back, "{name}, seen from there");
    }
}

#[test]
fn two_that_never_served_are_decided_the_same_way_on_both() {
    let root = Head::first(b"root");
    let (left, right) = (root.child(1, b"left"), root.child(1, b"right"));
    let one = left.relation(&right);
    let other = right.relation(&left);
    assert_ne!(one, other);
    assert!(matches!(one, Relation::WeWin | Relation::TheyWin));
}

#[test]
fn the_past_is_bounded_and_who_is_older_than_it_went_its_own_way() {
    let first = Head::first(b"0");
    let mut head = first.clone();
    for number in 0..ANCESTORS_MAX {
        head = head.child(1, format!("{number}").as_bytes());
    }
    assert_eq!(head.relation(&first), Relation::Behind, "just remembered");
    let head = head.child(1, b"one more");
    assert_eq!(head.ancestors.len(), ANCESTORS_MAX);
    assert_eq!(head.relation(&first), Relation::WeWin, "forgotten");
    assert_eq!(first.relation(&head), Relation::TheyWin);
}
