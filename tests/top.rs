//! What `halb top` draws: golden frames for several sizes of terminal, from canned answers of `ctl`.
//!
//! `UPDATE_GOLDEN=1 cargo test --test top` writes what was drawn into the files; look at the difference.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use halb::daemon::top;
use halb::daemon::top::machine::Key;
use halb::daemon::top::machine::Machine;
use halb::daemon::top::machine::Order;
use halb::daemon::top::machine::Verb;
use halb::daemon::top::paint::Paint;
use halb::daemon::top::reading::Reading;
use halb::daemon::top::view::View;
use halb::model::time::Instant;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use ratatui::style::Modifier;
use serde_json::Value;
use serde_json::json;

const PLAIN: Paint = Paint { colours: false };

/// What stands in `tests/top/NAME`, or will.
fn golden(name: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/top")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, drawn).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        drawn == expected,
        "{name} is not what was drawn:\n{drawn}\ninstead of\n{expected}"
    );
}

fn draw(machine: &Machine, width: u16, height: u16, paint: Paint) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let view = View {
        machine,
        paint,
        live: true,
    };
    let frame = terminal.draw(|frame| frame.render_widget(view, frame.area()));
    frame.unwrap().buffer.clone()
}

/// The frame with a bar at its right end, so that its size is seen.
fn frame(machine: &Machine, width: u16, height: u16) -> String {
    let buffer = draw(machine, width, height, PLAIN);
    let lines = top::lines(&buffer);
    let framed = lines.lines().map(|line| {
        let room = usize::from(width) - line.chars().count();
        format!("{line}{}|\n", " ".repeat(room))
    });
    framed.collect()
}

fn output(name: &str, status: &str, rate: f64) -> Value {
    json!({
        "name": name, "address": "10.0.0.21:8080", "status": status, "backup": false, "weight": 1,
        "queue": 0, "queue_max": 3, "sessions": 12, "sessions_max": 64, "sessions_total": 1_234_567,
        "errors_conn": 0, "errors_resp": 2, "errors_check": 0, "errors_down": 0,
        "requests_per_s": rate, "bytes_in_per_s": rate * 210.0, "bytes_out_per_s": rate * 9_200.0,
        "latency_ms": {"p50": 0.824, "p90": 2.1, "p99": 12.34, "p999": 31.0},
        "since_s": 15_120, "probe": {"ok": true, "text": "HTTP 200 to GET /", "ago_s": 1.2, "took_ms": 0.9},
    })
}

/// One of each status.
fn outputs() -> Vec<Value> {
    let mut outputs = vec![
        output("out1", "UP", 2_511.4),
        output("out2", "UP", 2_498.0),
        output("out3", "DOWN", 0.0),
        output("out4", "DRAIN", 11.3),
        output("out5", "CHECKING", 0.0),
        output("out8", "DISABLED", 0.0),
    ];
    outputs[2]["since_s"] = json!(12.4);
    outputs[2]["errors_conn"] = json!(17);
    outputs[2]["errors_check"] = json!(2);
    outputs[2]["errors_down"] = json!(1);
    outputs[2]["probe"] = json!({
        "ok": false, "text": "HTTP 500 to GET /health_check.php", "ago_s": 0.4, "took_ms": 3.1,
    });
    outputs[3]["weight"] = json!(2);
    outputs[4]["probe"] = Value::Null;
    outputs[4]["latency_ms"] = json!({"p50": null, "p90": null, "p99": null, "p999": null});
    outputs[5]["backup"] = json!(true);
    outputs[5]["address"] = json!("[2001:db8::8]:8080");
    outputs
}

fn overview(outputs: Vec<Value>) -> Value {
    json!({
        "node": "lb1", "version": "0.1.0", "uptime_s": 273_600.5, "nbcproc": 2, "maxconn": 40_000,
        "current_conns": 1_204, "requests_per_s": 5_020.7, "requests_total": 1_234_567_890u64,
        "bytes_in_per_s": 1_054_200, "bytes_out_per_s": 46_200_000, "queue": 0, "queue_max": 3,
        "sessions_active": 24, "sessions_max": 128, "sessions_total": 1_234_567_890u64, "errors": 21,
        "latency_ms": {"p50": 0.83, "p90": 2.2, "p99": 12.9, "p999": 31.4},
        "outputs": outputs,
        "events": [
            {"number": 7, "unix_ms": 1_795_348_984_000u64, "kind": "down", "output": "out3",
             "text": "out3 down: HTTP 500 to GET /health_check.php after 3 ms"},
            {"number": 6, "unix_ms": 1_795_348_970_000u64, "kind": "switch", "output": "out8",
             "text": "out8 disabled"},
            {"number": 5, "unix_ms": 1_795_340_000_000u64, "kind": "up", "output": "out1",
             "text": "out1 up: HTTP 200 to GET /health_check.php after 1 ms"},
        ],
    })
}

fn asked() -> Machine {
    Machine::new("127.0.0.1:8081", "1 s")
}

/// After a while of rising and falling rates.
fn machine(outputs: Vec<Value>) -> Machine {
    let mut machine = asked();
    for step in 0..200u64 {
        let mut past = overview(Vec::new());
        past["requests_per_s"] = json!(3_000 + 40 * (step % 60));
        machine.on_answer(Ok(Reading::of(&past).unwrap()));
    }
    machine.on_answer(Ok(Reading::of(&overview(outputs)).unwrap()));
    machine
}

fn press(machine: &mut Machine, keys: &str) {
    for letter in keys.chars() {
        assert_eq!(machine.on_key(Key::Letter(letter)), None);
    }
}

#[test]
fn every_width_shows_what_it_has_room_for() {
    let mut machine = machine(outputs());
    press(&mut machine, "jj");
    for (width, height) in [
        (200, 40),
        (140, 40),
        (100, 30),
        (80, 24),
        (60, 20),
        (40, 12),
    ] {
        golden(
            &format!("{width}x{height}.txt"),
            &frame(&machine, width, height),
        );
    }
}

/// Nothing is drawn outside, nothing panics, and the question is always to be seen.
#[test]
fn no_size_is_too_small() {
    let mut machine = machine(outputs());
    press(&mut machine, "x");
    for width in (0..90).step_by(3) {
        for height in 0..30 {
            let drawn = top::lines(&draw(&machine, width, height, PLAIN));
            let asks = drawn
                .lines()
                .last()
                .is_some_and(|line| line.contains("Disable out1?"));
            assert!(
                asks || width < 14 || height == 0,
                "{width}x{height}\n{drawn}"
            );
        }
    }
}

#[test]
fn an_order_is_asked_for_and_its_outcome_is_said() {
    let mut machine = machine(outputs());
    press(&mut machine, "jjd");
    golden("asking.txt", &frame(&machine, 80, 24));
    let order = Order {
        verb: Verb::Drain,
        output: "out3".to_owned(),
    };
    press(&mut machine, "n");
    machine.on_ordered(&order, Err("nothing changed".to_owned()));
    golden("refused.txt", &frame(&machine, 80, 24));
}

#[test]
fn the_help_says_what_keys_do() {
    let mut machine = machine(outputs());
    press(&mut machine, "?");
    golden("help.txt", &frame(&machine, 80, 24));
}

#[test]
fn silence_is_said() {
    let mut never = asked();
    golden("asking_first.txt", &frame(&never, 80, 10));
    let why =
        "no halb answers at 127.0.0.1:8081 (ctl, ctl_port): Connection refused (os error 111)";
    never.on_answer(Err(why.to_owned()));
    golden("never_reached.txt", &frame(&never, 80, 10));
    let mut lost = machine(outputs());
    lost.on_time(Instant::ZERO + Duration::from_secs(75));
    lost.on_answer(Err(why.to_owned()));
    golden("unreachable.txt", &frame(&lost, 100, 30));
}

#[test]
fn sixty_four_outputs_scroll() {
    let names = (1..=64).map(|number| output(&format!("out{number}"), "UP", f64::from(number)));
    let mut machine = machine(names.collect());
    golden("64_first.txt", &frame(&machine, 100, 30));
    for _ in 0..20 {
        machine.on_key(Key::Down);
    }
    press(&mut machine, "sp");
    golden("64_scrolled.txt", &frame(&machine, 100, 30));
    assert_eq!(machine.on_key(Key::End), None);
    press(&mut machine, "s");
    golden("64_by_requests.txt", &frame(&machine, 60, 20));
}

#[test]
fn a_frame_that_nobody_watches_is_plain_and_whole() {
    let machine = machine(outputs());
    golden("plain.txt", &top::plain(&machine, 180));
}

/// Another version may leave things out or say something else.
#[test]
fn an_answer_of_another_version_is_shown_as_far_as_it_is_understood() {
    assert_eq!(Reading::of(&json!("out of order")), None);
    let mut machine = asked();
    let strange = json!({
        "node": 7, "uptime_s": "long", "requests_per_s": -3, "latency_ms": [], "events": {"a": 1},
        "outputs": [{"name": "out1", "status": "GONE", "probe": {"text": "\u{1b}[2Jboo\nhoo"}}, 9],
    });
    machine.on_answer(Ok(Reading::of(&strange).unwrap()));
    golden("strange.txt", &frame(&machine, 100, 16));
}

#[test]
fn colours_are_used_unless_they_are_not_wanted() {
    let machine = machine(outputs());
    let coloured = |paint| {
        let buffer = draw(&machine, 100, 30, paint);
        let cells = buffer.content().iter();
        let inks: Vec<Color> = cells
            .map(|cell| cell.fg)
            .filter(|ink| *ink != Color::Reset)
            .collect();
        inks
    };
    let inks = coloured(Paint { colours: true });
    for ink in [Color::Green, Color::Red, Color::Yellow, Color::Cyan] {
        assert!(inks.contains(&ink), "{ink:?}");
    }
    assert_eq!(coloured(PLAIN), []);
    // The chosen row is marked in both.
    for paint in [PLAIN, Paint { colours: true }] {
        let buffer = draw(&machine, 100, 30, paint);
        let marked = |y: u16| buffer[(0, y)].modifier.contains(Modifier::REVERSED);
        let rows: Vec<u16> = (0..30).filter(|y| marked(*y)).collect();
        let text = top::lines(&buffer);
        let first = text.lines().position(|line| line.starts_with("out1 "));
        assert_eq!(rows, [u16::try_from(first.unwrap()).unwrap()]);
    }
}
