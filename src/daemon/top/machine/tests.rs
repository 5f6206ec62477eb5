//! Every mode and every key; then what answers and orders change.

use super::*;

const KEYS: &[Key] = &[
    Key::Up,
    Key::Down,
    Key::PageUp,
    Key::PageDown,
    Key::Home,
    Key::End,
    Key::Escape,
    Key::Interrupt,
];
/// Every letter that means something somewhere, and one that never does.
const LETTERS: &str = "kjgGedxsp ?hqyYnNz";

fn output(name: &str) -> Output {
    Output {
        name: name.to_owned(),
        ..Output::default()
    }
}

fn reading(outputs: Vec<Output>) -> Reading {
    Reading {
        requests_per_s: Some(10.4),
        outputs,
        ..Reading::default()
    }
}

/// Three outputs, the second chosen.
fn machine() -> Machine {
    let mut machine = Machine::new("127.0.0.1:8081", "1 s");
    machine.on_answer(Ok(reading(vec![
        output("out1"),
        output("out2"),
        output("out3"),
    ])));
    machine.on_key(Key::Down);
    machine
}

fn order(verb: Verb) -> Order {
    Order {
        verb,
        output: "out2".to_owned(),
    }
}

/// What a key leads to.
#[derive(Debug, PartialEq)]
struct Outcome {
    request: Option<Request>,
    mode: Mode,
    chosen: usize,
    sort: Sort,
    paused: bool,
}

fn press(mode: &Mode, key: Key) -> Outcome {
    let mut machine = machine();
    machine.mode = mode.clone();
    let request = machine.on_key(key);
    let rows = machine.rows();
    Outcome {
        request,
        chosen: machine.chosen(&rows),
        mode: machine.mode.clone(),
        sort: machine.sort,
        paused: machine.paused,
    }
}

/// Nothing happens but what is written over it.
fn still(mode: &Mode) -> Outcome {
    Outcome {
        request: None,
        mode: mode.clone(),
        chosen: 1,
        sort: Sort::Name,
        paused: false,
    }
}

fn expected(mode: &Mode, key: Key) -> Outcome {
    let watching = still(&Mode::Watching);
    let leave = Some(Request::Leave);
    let asking = |verb| Mode::Asking(order(verb));
    match (mode, key) {
        (_, Key::Interrupt) => Outcome {
            request: leave,
            ..still(mode)
        },
        (Mode::Watching, Key::Up | Key::PageUp | Key::Home | Key::Letter('k' | 'g')) => Outcome {
            chosen: 0,
            ..watching
        },
        (Mode::Watching, Key::Down | Key::PageDown | Key::End | Key::Letter('j' | 'G')) => {
            Outcome {
                chosen: 2,
                ..watching
            }
        }
        (Mode::Watching, Key::Letter('e')) => still(&asking(Verb::Enable)),
        (Mode::Watching, Key::Letter('d')) => still(&asking(Verb::Drain)),
        (Mode::Watching, Key::Letter('x')) => still(&asking(Verb::Disable)),
        (Mode::Watching, Key::Letter('s')) => Outcome {
            sort: Sort::Status,
            ..watching
        },
        (Mode::Watching, Key::Letter('p' | ' ')) => Outcome {
            paused: true,
            ..watching
        },
        (Mode::Watching, Key::Letter('?' | 'h')) => still(&Mode::Help),
        (Mode::Watching, Key::Letter('q') | Key::Escape) => Outcome {
            request: leave,
            ..watching
        },
        (Mode::Watching, Key::Letter(_)) | (Mode::Help, _) => watching,
        (Mode::Asking(order), Key::Letter('y' | 'Y')) => Outcome {
            request: Some(Request::Give(order.clone())),
            ..watching
        },
        (Mode::Asking(_), Key::Letter('n' | 'N' | 'q') | Key::Escape) => watching,
        (Mode::Asking(_), _) => still(mode),
    }
}

#[test]
fn every_key_in_every_mode() {
    let verbs = [Verb::Enable, Verb::Drain, Verb::Disable];
    let asking = verbs.map(|verb| Mode::Asking(order(verb)));
    let modes = [Mode::Watching, Mode::Help].into_iter().chain(asking);
    for mode in modes {
        let letters = LETTERS.chars().map(Key::Letter);
        for key in KEYS.iter().copied().chain(letters) {
            assert_eq!(press(&mode, key), expected(&mode, key), "{mode:?} {key:?}");
        }
    }
}

#[test]
fn without_outputs_nothing_can_be_ordered() {
    let mut machine = Machine::new("127.0.0.1:8081", "1 s");
    for key in KEYS.iter().copied().chain([Key::Letter('x')]) {
        if !matches!(key, Key::Interrupt | Key::Escape) {
            assert_eq!(machine.on_key(key), None);
        }
    }
    assert_eq!(machine.mode, Mode::Watching);
}

#[test]
fn an_order_is_for_the_output_that_was_chosen_when_it_was_asked_for() {
    let mut machine = machine();
    machine.on_key(Key::Letter('x'));
    machine.on_answer(Ok(reading(vec![output("out5"), output("out1")])));
    let given = machine.on_key(Key::Letter('y'));
    assert_eq!(given, Some(Request::Give(order(Verb::Disable))));
}

#[test]
fn what_became_of_an_order_is_said_until_the_next_key() {
    let mut machine = machine();
    machine.on_ordered(&order(Verb::Drain), Ok(()));
    let said = machine.said.clone().unwrap();
    assert_eq!((said.text.as_str(), said.done), ("out2 draining", true));
    machine.on_ordered(&order(Verb::Enable), Err("nothing changed".to_owned()));
    let said = machine.said.clone().unwrap();
    assert_eq!(
        (said.text.as_str(), said.done),
        ("cannot enable out2: nothing changed", false)
    );
    machine.on_answer(Ok(reading(Vec::new())));
    assert!(machine.said.is_some());
    machine.on_key(Key::Down);
    assert_eq!(machine.said, None);
}

#[test]
fn paused_figures_stand_still() {
    let mut machine = machine();
    machine.on_key(Key::Letter('p'));
    let before = machine.clone();
    machine.on_answer(Ok(reading(Vec::new())));
    machine.on_answer(Err("gone".to_owned()));
    assert_eq!(machine, before);
    machine.on_key(Key::Letter('p'));
    machine.on_answer(Ok(reading(Vec::new())));
    assert!(machine.rows().is_empty());
}

#[test]
fn silence_keeps_the_figures_and_leaves_a_gap() {
    let mut machine = machine();
    machine.on_time(Instant::from_nanos(5));
    machine.on_answer(Err("no halb answers".to_owned()));
    assert_eq!(machine.trouble.as_deref(), Some("no halb answers"));
    assert_eq!(machine.rows().len(), 3);
    assert_eq!(machine.read_at, Instant::ZERO);
    machine.on_answer(Ok(reading(Vec::new())));
    assert_eq!(machine.trouble, None);
    assert_eq!(machine.read_at, Instant::from_nanos(5));
    assert_eq!(machine.history, [Some(10), None, Some(10)]);
    for _ in 0..2 * HISTORY_MAX {
        machine.on_answer(Err(String::new()));
    }
    assert_eq!(machine.history.len(), HISTORY_MAX);
}

#[test]
fn rows_are_sorted_and_the_choice_goes_along() {
    let rate = |name: &str, status: &str, rate: f64| Output {
        status: status.to_owned(),
        requests_per_s: Some(rate),
        ..output(name)
    };
    let mut machine = machine();
    machine.on_answer(Ok(reading(vec![
        rate("out1", "UP", 5.0),
        rate("out2", "DISABLED", 0.0),
        rate("out3", "DOWN", 0.0),
        output("out4"),
        rate("out5", "UP", 7.0),
    ])));
    let names = |machine: &Machine| {
        let rows = machine.rows();
        let names: Vec<&str> = rows.iter().map(|output| output.name.as_str()).collect();
        (names.join(" "), names[machine.chosen(&rows)].to_owned())
    };
    let is = |order: &str| (order.to_owned(), "out2".to_owned());
    assert_eq!(names(&machine), is("out1 out2 out3 out4 out5"));
    machine.on_key(Key::Letter('s'));
    assert_eq!(names(&machine), is("out3 out2 out4 out1 out5"));
    machine.on_key(Key::Letter('s'));
    assert_eq!(machine.sort, Sort::Requests);
    assert_eq!(names(&machine), is("out5 out1 out2 out3 out4"));
    for sort in [Sort::Sessions, Sort::Errors, Sort::Latency, Sort::Name] {
        machine.on_key(Key::Letter('s'));
        assert_eq!(machine.sort, sort);
        assert_eq!(names(&machine), is("out1 out2 out3 out4 out5"));
    }
}
