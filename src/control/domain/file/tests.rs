//! What the terminals say of the file.

mod keeping;
mod rig;

use crate::control::domain::file::answer::Answered;
use crate::control::domain::file::view::OtherView;
use crate::control::domain::file::view::View;
use crate::control::reload::Reloaded;
use crate::control::reload::Report;
use crate::pair::file::head::Head;

fn view() -> View {
    let head = Head::first(b"a").child(3, b"b");
    let other = |name: &str| OtherView {
        name: name.to_owned(),
        linked: true,
        head: Some(head.clone()),
        aside: Vec::new(),
    };
    View {
        path: "/etc/halb/halb.toml".to_owned(),
        head: head.clone(),
        others: vec![other("lb2"), other("lb3")],
        ..View::default()
    }
}

#[test]
fn one_sentence_says_how_the_file_stands() {
    let said = |change: &dyn Fn(&mut View)| {
        let mut view = view();
        change(&mut view);
        (view.sentence(), view.is_in_sync())
    };
    let whole = said(&|_| {});
    assert_eq!(whole, ("version 3.2 on all servers".to_owned(), true));
    let (text, in_sync) = said(&|view| view.others[1].linked = false);
    assert_eq!(text, "version 3.2; not reached: lb3");
    assert!(in_sync, "as far as anybody can know");
    for (change, part) in [
        (
            &|view: &mut View| view.others[0].head = Some(Head::first(b"a")) as _,
            "lb2 has yet to take it (it has 0.1)",
        ),
        (
            &|view: &mut View| view.others[0].head = Some(view.head.child(3, b"c")),
            "lb2 has the later 3.3",
        ),
        (
            &|view: &mut View| view.others[0].head = Some(Head::first(b"a").child(2, b"x")),
            "lb2 has 2.2, which was made without this one",
        ),
        (
            &|view: &mut View| view.others[0].head = None,
            "lb2 has not said which it has",
        ),
        (
            &|view: &mut View| view.others[0].aside = vec!["/503.html".to_owned()],
            "lb2 has another /503.html",
        ),
        (
            &|view: &mut View| view.waiting = vec!["it has no [domain]".to_owned()],
            "`halb domain apply --yes`",
        ),
        (
            &|view: &mut View| view.trouble = Some("refused".to_owned()),
            "refused",
        ),
    ] as [(&dyn Fn(&mut View), &str); 7]
    {
        let (text, in_sync) = said(change);
        assert!(text.contains(part), "{text}");
        assert!(!in_sync, "{text}");
    }
}

#[test]
fn what_became_of_a_change_has_the_seeds_codes() {
    let version = view().head.version;
    let code = |answered: &Answered| {
        let (Ok(answer) | Err(answer)) = answered.answer();
        let body: serde_json::Value = serde_json::from_str(&answer.body()).unwrap();
        let status = &body["status"];
        (status["code"].as_u64().unwrap(), status.clone())
    };
    let said = vec![
        ("lb1".to_owned(), Ok("out1 added".to_owned())),
        ("lb2".to_owned(), Err("no answer in time".to_owned())),
    ];
    let (done, status) = code(&Answered::Taken { version, said });
    assert_eq!(done, 0);
    assert_eq!(status["servers"][1]["taken"], false);
    let message = "domain file 3.2; lb1: out1 added; lb2: not taken: no answer in time";
    assert_eq!(status["message"], message);
    assert_eq!(
        code(&Answered::Same(Reloaded::Done(Report::default()))).0,
        0
    );
    let why = vec![("lb2".to_owned(), "f:1:1: a\nf:2:1: b\n".to_owned())];
    let (refused, status) = code(&Answered::Refused(why));
    assert_eq!(refused, 100);
    assert_eq!(status["findings"][1], "lb2: f:2:1: b");
    for not_done in [
        Answered::Unusable("empty".to_owned()),
        Answered::Asks(vec!["it has no [domain]".to_owned()]),
        Answered::Late,
        Answered::Ended,
    ] {
        assert_eq!(code(&not_done).0, 10, "{not_done:?}");
    }
}
