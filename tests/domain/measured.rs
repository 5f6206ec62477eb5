//! What monitoring sees of a domain, on both servers, before a switch, after it, and when one of them is dead.

use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;
use serde_json::json;

use crate::world::LB1;
use crate::world::LB2;
use crate::world::Layout;
use crate::world::PAIR;
use crate::world::SERVICE;
use crate::world::World;
use crate::world::record::eventually;
use crate::world::server::Server;
use crate::world::world;

const LAG: &str = "halb_domain_mirror_lag_seconds{peer=";
/// What stands in everybody's metrics as long as nothing is wrong.
const SOUND: [&str; 4] = [
    "halb_domain_ready{node=\"lb1\"} 1",
    "halb_domain_ready{node=\"lb2\"} 1",
    "halb_domain_file_in_sync 1",
    "halb_domain_file_conflicts 0",
];

/// What both say while `active` serves: the metrics, ctl and the verb. The term in which it does.
fn all_say(world: &World, active: &Server, standby: &Server) -> u64 {
    let term = active.status()["term"].as_u64().unwrap();
    let states = [(active.name, "active"), (standby.name, "standby")];
    for server in [&world.lb1, &world.lb2] {
        let serves = server.name == active.name;
        for (name, state) in states {
            for other in ["active", "standby", "inactive", "maintenance"] {
                let is = u8::from(other == state);
                let series = format!("halb_domain_state{{node=\"{name}\",state=\"{other}\"}} {is}");
                server.measures(&[&series]);
            }
        }
        let peer = if server.name == "lb1" { "lb2" } else { "lb1" };
        let link =
            |number: u8| format!("halb_domain_link_up{{peer=\"{peer}\",link=\"{number}\"}} 1");
        server.measures(&[&link(0), &link(1)]);
        server.measures(&SOUND);
        let own = [
            format!("halb_domain_term {term}"),
            format!("halb_domain_holds{{domain=\"shop\"}} {}", u8::from(serves)),
        ];
        server.measures(&own.each_ref().map(String::as_str));
        // Who serves is followed by the other one, and by nobody else.
        eventually("the lag of whom it mirrors", || {
            let metrics = server.metrics();
            metrics.knows(&format!("{LAG}\"{peer}\"}} ")) == serves && metrics.knows(LAG) == serves
        });
        server.metrics().are_sound();
        let status = server.status();
        let state = if serves { "active" } else { "standby" };
        let seen = ["node", "active", "term", "state"].map(|word| &status[word]);
        let expected = [
            json!(server.name),
            json!(active.name),
            json!(term),
            json!(state),
        ];
        assert_eq!(seen.map(Value::clone), expected, "{status:#}");
        assert_eq!(status["holds_s"].is_number(), serves, "{status:#}");
    }
    term
}

/// Connections that its switches have cut, as ctl has them.
fn cut(server: &Server) -> Value {
    server.status()["switch_cut"].clone()
}

#[test]
fn both_measure_the_same_domain_before_and_after_a_switch() {
    let layout = Layout {
        domain: "switch_grace = 1",
        ..PAIR
    };
    world(layout, |mut world| {
        let clients = world.ask_always();
        world.up();
        let (one, two) = (&world.lb1, &world.lb2);
        let first = all_say(&world, one, two);
        for server in [one, two] {
            server.measures(&["halb_domain_switch_cut_total 0"]);
        }
        // Longer than the grace of the switch.
        let mut long = world.client.within(|| TcpStream::connect(SERVICE).unwrap());
        long.write_all(b"GET /slow/60000 HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .unwrap();
        clients.are_served_by(LB1);
        two.done(&["domain", "activate"]);
        two.serves();
        clients.are_served_by(LB2);
        let second = all_say(&world, two, one);
        assert!(first < second, "term {first}, then {second}");
        one.measures(&["halb_domain_switch_cut_total 1"]);
        two.measures(&["halb_domain_switch_cut_total 0"]);
        assert_eq!([cut(one), cut(two)], [json!(1), json!(0)]);
        drop(clients);
        // Of a dead one nobody says that it serves, or could.
        world.lb2.kill();
        world.lb1.serves();
        let one = &world.lb1;
        one.measures(&[
            "halb_domain_holds{domain=\"shop\"} 1",
            "halb_domain_state{node=\"lb1\",state=\"active\"} 1",
            "halb_domain_state{node=\"lb2\",state=\"active\"} 0",
            "halb_domain_state{node=\"lb2\",state=\"standby\"} 0",
            "halb_domain_ready{node=\"lb1\"} 1",
            "halb_domain_ready{node=\"lb2\"} 0",
            "halb_domain_link_up{peer=\"lb2\",link=\"0\"} 0",
            "halb_domain_link_up{peer=\"lb2\",link=\"1\"} 0",
        ]);
        one.metrics().are_sound();
        eventually("nobody follows", || !one.metrics().knows(LAG));
        let line = one.done(&["domain", "status"]);
        let line = line.lines().find(|line| line.starts_with("lb2 "));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        assert_eq!(
            words[..7],
            ["lb2", "backup", "not", "heard", "-", "no", "0/2"]
        );
    });
}
