//! Crews of several stations, as processes: an order is shared, all pass each gate together, and outcomes add up.
#![forbid(unsafe_code)]

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

/// Few, so that small orders already need several stations.
const DESCRIPTORS: usize = 1000;

struct Crew {
    child: Child,
    lines: BufReader<ChildStdout>,
    origin: String,
}

impl Crew {
    fn start(stations: usize) -> Crew {
        let program = env!("CARGO_BIN_EXE_halb-bench");
        let command = format!(
            "ulimit -n {DESCRIPTORS} && exec {program} crew --core 0 --stations {stations}"
        );
        let mut child = Command::new("sh")
            .args(["-c", &command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut crew = Crew {
            child,
            lines,
            origin: String::new(),
        };
        crew.origin = crew.hear()["origin"].as_str().unwrap().to_owned();
        crew
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn write(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).unwrap();
        stdin.write_all(b"\n").unwrap();
    }

    /// The gates that were passed, and the outcome.
    fn order(&mut self, kind: &str, connections: usize, moving: usize) -> (Vec<String>, Value) {
        self.write(&self.order_text(kind, connections, moving));
        let mut gates = Vec::new();
        loop {
            let said = self.hear();
            match said.get("gate") {
                Some(gate) => {
                    gates.push(gate.as_str().unwrap().to_owned());
                    self.write("");
                }
                None => return (gates, said["done"].clone()),
            }
        }
    }

    fn order_text(&self, kind: &str, connections: usize, moving: usize) -> String {
        // A slow response lasts as long as it is measured, and that has to last until all are open.
        let (pace, measure_ms) = if moving > 0 { (1000, 4000) } else { (0, 300) };
        let order = json!({
            "target": self.origin, "kind": kind, "connections": connections,
            "asked": { "body_bytes": 128, "head_bytes": 200, "pace_bytes_s": pace },
            "rate": 1000.0, "moving": moving, "first_source": 0, "warm_ms": 50, "measure_ms": measure_ms,
            "watch": [], "crew": [],
        });
        order.to_string()
    }

    fn leave(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn an_order_that_one_station_cannot_carry_is_shared() {
    let mut crew = Crew::start(3);
    for kind in ["Keep", "Fresh", "Offered"] {
        let (gates, done) = crew.order(kind, 450, 0);
        assert_eq!(gates, ["ready"]);
        let load = &done["Load"];
        assert_eq!(load["faults"], json!({}), "{done}");
        let answered = load["answered"].as_u64().unwrap();
        assert!(answered > 0);
        let spectrum = load["spectrum"].as_array().unwrap();
        let seen = spectrum.iter().map(|class| class[1].as_u64().unwrap());
        let seen = seen.sum::<u64>();
        match kind {
            // A thousand per second for 0.3 s, whenever they are answered; each of two stations rounds by itself.
            "Offered" => assert!((298..=302).contains(&seen), "{seen}"),
            _ => assert_eq!(seen, answered),
        }
        assert!(load["window"]["station"]["total_ns"].as_u64().unwrap() > 0);
    }
    let (gates, done) = crew.order("Idle", 600, 0);
    assert_eq!(gates, ["ready", "filled"]);
    let held = &done["Held"];
    assert_eq!(
        (held["held"].as_u64(), held["answered_again"].as_u64()),
        (Some(600), Some(600))
    );
    assert_eq!(held["faults"], json!({}));

    let (gates, done) = crew.order("Hold", 600, 200);
    assert_eq!(gates, ["ready", "filled"]);
    let held = &done["Held"];
    assert_eq!(
        (held["held"].as_u64(), held["moved"].as_u64()),
        (Some(600), Some(200))
    );
    assert_eq!(held["answered_again"], 600);
    assert_eq!(held["faults"], json!({}));
    crew.leave();
}

#[test]
fn what_is_no_order_or_too_much_is_refused() {
    let mut crew = Crew::start(2);
    let order = crew.order("Keep", 20, 0);
    assert_eq!(order.0, ["ready"]);
    crew.write("no order");
    assert_eq!(crew.child.wait().unwrap().code(), Some(2));

    let mut crew = Crew::start(1);
    crew.write(&crew.order_text("Keep", 2000, 0));
    assert_eq!(crew.child.wait().unwrap().code(), Some(2));
}
