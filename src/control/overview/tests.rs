use super::*;
use crate::control::overview::window::WINDOW;
use crate::control::probed::Probed;
use crate::control::shared::tests::shared_of;
use crate::model::output::OutputId;
use crate::model::standing::Health;
use crate::model::standing::Switch;

const TEXT: &str = "out1 = { address = '10.0.0.1', weight = 3 }\nout2 = '10.0.0.2:81'\nout9 = '10.0.0.9'\n\
                    backup_outputs = 'out9'";

fn recorder() -> Recorder {
    Recorder::new(shared_of(TEXT))
}

fn out(number: usize) -> OutputId {
    OutputId::from_index(number - 1).unwrap()
}

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

/// What a second of work leaves behind.
fn work(recorder: &Recorder) {
    let page = recorder.shared.plane.page(0);
    page.requests_total.add(30);
    for (number, sessions) in [(1, 20), (2, 10)] {
        let output = page.outputs.of(out(number));
        output.sessions_total.add(sessions);
        output.bytes_out.add(1000 * sessions);
        for _ in 0..sessions {
            output.response.note(Duration::from_millis(sessions));
        }
    }
    page.outputs.of(out(2)).response_errors.add(1);
}

#[test]
fn rates_are_those_of_the_last_ten_seconds() {
    let recorder = recorder();
    for _ in 0..100 {
        work(&recorder); // long ago
    }
    for second in 0..30 {
        recorder.tick(at(second));
        work(&recorder);
    }
    let view = recorder.view(at(30), Figures::collect(&recorder.shared));
    let near = |found: f64, expected: f64| (found - expected).abs() < expected / 100.0;
    assert!(near(view.passed.requests_per_s, 30.0));
    assert!(near(view.passed.errors_per_s, 1.0));
    assert!(near(view.passed.bytes_out_per_s, 30_000.0));
    let rates = view
        .outputs
        .iter()
        .map(|output| output.passed.requests_per_s);
    let rates: Vec<u64> = rates.map(|rate| rate.round() as u64).collect();
    assert_eq!(rates, [20, 10, 0]);
    let counted = view.passed.response.count();
    let most = 30 * (WINDOW.as_secs() + 2);
    assert!(counted >= 300 && counted <= most, "{counted}");
    let p50 = view.passed.response.percentile(0.5).unwrap();
    assert!((18_000.0..=21_500.0).contains(&p50), "{p50}");
    assert!(view.outputs[2].passed.response.percentile(0.5).is_none());
}

#[test]
fn an_output_that_comes_or_goes_bends_no_rate() {
    let recorder = recorder();
    let shared = &recorder.shared;
    let whole = Figures::collect(shared);
    let mut fewer = whole.clone();
    fewer.outputs.retain(|output| output.id != out(2));
    let mut window = Window::default();
    window.put(Mark::of(at(0), &fewer));
    for _ in 0..9 {
        work(&recorder);
    }
    let (_, each) = window.passed(at(9), &Figures::collect(shared));
    assert_eq!(each[1].requests_per_s, 0.0, "it begins now");
    let mut window = Window::default();
    window.put(Mark::of(at(0), &Figures::collect(shared)));
    let (all, each) = window.passed(at(9), &fewer);
    assert_eq!((each.len(), all.bytes_out_per_s), (2, 0.0));
}

#[test]
fn history_is_bounded_and_coarser_when_it_is_older() {
    let recorder = recorder();
    for second in 0..5000 {
        let sample = Sample::of(&recorder.overview());
        recorder.lock().history.put(1_000_000 + second, sample);
    }
    let history = recorder.history();
    for (name, points, step) in [("fine", 300, 1), ("coarse", 360, 10)] {
        let of = &history[name];
        assert_eq!(of["requests_per_s"].as_array().unwrap().len(), points);
        assert_eq!(of["sessions"].as_array().unwrap().len(), points);
        assert!(of["p50_ms"][0].is_null(), "there was nothing to measure");
        assert_eq!(of["step_s"], step);
    }
    assert_eq!(history["fine"]["last_unix_s"], 1_004_999);
    assert_eq!(history["coarse"]["last_unix_s"], 1_004_990);
}

#[test]
fn the_json_says_what_is_and_since_when() {
    let recorder = recorder();
    let shared = &recorder.shared;
    let plane = &shared.plane;
    work(&recorder);
    plane.set_health(out(2), Health::Down, |_| {});
    let probed = Probed {
        unix_ms: clock::unix_ms(),
        ok: false,
        text: "HTTP 500 to GET /".to_owned(),
        took: Duration::from_micros(2500),
    };
    shared.probes.change(out(2), |state| {
        state.since_unix_ms = clock::unix_ms() - 60_000;
        state.last = Some(probed);
        (state.failed, state.downs) = (4, 1);
    });
    for number in 1..=60 {
        let text = format!("event {number}");
        shared.journal.note("down", Some(out(2)), text);
    }
    let json = recorder.overview().json();
    assert_eq!(json["requests_total"], 30);
    assert_eq!(json["sessions_total"], 30);
    assert_eq!(json["errors"], 4);
    let events = json["events"].as_array().unwrap();
    assert_eq!(events.len(), 50);
    assert_eq!(
        (&events[0]["number"], &events[49]["number"]),
        (&60.into(), &11.into())
    );
    assert_eq!(events[0]["output"], "out2");
    let (first, second, last) = (
        &json["outputs"][0],
        &json["outputs"][1],
        &json["outputs"][2],
    );
    assert_eq!(
        (&first["name"], &first["weight"]),
        (&"out1".into(), &3.into())
    );
    assert_eq!(
        (&first["address"], &first["probe"]),
        (&"10.0.0.1:80".into(), &Value::Null)
    );
    assert_eq!(
        (&last["name"], &last["backup"]),
        (&"out9".into(), &true.into())
    );
    assert_eq!(
        (&second["status"], &second["errors_down"]),
        (&"DOWN".into(), &1.into())
    );
    assert_eq!(
        (&second["errors_resp"], &second["errors_check"]),
        (&1.into(), &4.into())
    );
    assert_eq!(second["probe"]["text"], "HTTP 500 to GET /");
    assert_eq!(second["probe"]["took_ms"], 2.5);
    let since = second["since_s"].as_f64().unwrap();
    assert!((59.0..120.0).contains(&since), "{since}");
}

#[test]
fn a_word_says_what_an_output_does() {
    let recorder = recorder();
    let plane = &recorder.shared.plane;
    for (switch, health, word) in [
        (Switch::Enabled, Health::Up, "UP"),
        (Switch::Enabled, Health::Down, "DOWN"),
        (Switch::Enabled, Health::Checking, "CHECKING"),
        (Switch::Draining, Health::Up, "DRAIN"),
        (Switch::Draining, Health::Down, "DOWN"),
        (Switch::Disabled, Health::Up, "DISABLED"),
        (Switch::Disabled, Health::Down, "DISABLED"),
    ] {
        plane.set_switch(out(1), switch, |_| {});
        plane.set_health(out(1), health, |_| {});
        // An output without an address is down, whatever its word is; this one has one.
        assert_eq!(recorder.overview().outputs[0].word().text(), word);
    }
}

#[test]
fn watchers_share_one_text_and_without_them_there_is_none() {
    let recorder = recorder();
    recorder.tick(at(0));
    assert!(recorder.newest.borrow().is_empty());
    let (mut one, mut two) = (recorder.watch(), recorder.watch());
    assert!(one.has_changed().unwrap() && two.has_changed().unwrap());
    let first = one.borrow_and_update().clone();
    assert_eq!(first.as_ptr(), two.borrow_and_update().as_ptr());
    assert!(first.starts_with(b"event: overview\ndata: {\""));
    assert!(first.ends_with(b"}\n\n"));
    recorder.tick(at(1));
    recorder.tick(at(2));
    assert!(one.has_changed().unwrap());
    assert_eq!(
        one.borrow_and_update().as_ptr(),
        two.borrow_and_update().as_ptr()
    );
    assert!(!one.has_changed().unwrap(), "what was missed is gone");
}

#[test]
fn what_happens_is_told_before_the_next_second() {
    let recorder = Arc::new(recorder());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut watcher = recorder.watch();
        tokio::spawn(Arc::clone(&recorder).run());
        let told = async {
            loop {
                watcher.changed().await.unwrap();
                let text = watcher.borrow_and_update().clone();
                let text = String::from_utf8(text.to_vec()).unwrap();
                if text.contains("out1 is somewhere else") {
                    return;
                }
                let journal = &recorder.shared.journal;
                if journal.since(0).is_empty() {
                    journal.note("moved", Some(out(1)), "out1 is somewhere else".to_owned());
                }
            }
        };
        told.await;
    });
}
