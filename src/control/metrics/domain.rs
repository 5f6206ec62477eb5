//! What there is of the domain, from the same report that `halb domain status` shows.

use serde_json::Value;

use crate::control::metrics::format::Text;

const STATES: [&str; 4] = ["active", "standby", "inactive", "maintenance"];
const CONDITIONS: [&str; 4] = ["isolated", "blind", "failing", "claiming"];

/// Nothing where there is no domain.
pub fn write(text: &mut Text, domain: Option<&Value>) {
    let Some(domain) = domain else {
        return;
    };
    own(text, domain);
    servers(text, list(&domain["servers"]));
    links(text, list(&domain["servers"]));
    mirror(text, &domain["mirror"]);
    file(text, &domain["file"]);
}

fn own(text: &mut Text, domain: &Value) {
    text.gauge(
        "halb_domain_term",
        "The highest term that this server knows.",
    )
    .maybe(&[], domain["term"].as_u64());
    text.gauge(
        "halb_domain_holds",
        "Whether this server holds the service and its virtual addresses.",
    )
    .maybe(
        &[("domain", word(&domain["name"]))],
        domain["state"]
            .as_str()
            .map(|_| u8::from(domain["holds_s"].is_number())),
    );
    text.counter(
        "halb_domain_switch_cut_total",
        "Connections whose exchange a planned switch cut when `switch_grace` was over.",
    )
    .maybe(&[], domain["switch_cut"].as_u64());
}

fn servers<'v>(text: &mut Text, servers: impl Iterator<Item = &'v Value>) {
    let servers: Vec<&Value> = servers.collect();
    // Nobody knows anything before the pair thread has begun.
    let known = || servers.iter().filter(|server| server["alive"].is_boolean());
    let mut family = text.gauge(
        "halb_domain_state",
        "What each server of the domain is: 1 for the state that it is in; one that is not heard is in none.",
    );
    for server in known() {
        let name = word(&server["name"]);
        let state = match server["alive"].as_bool() {
            Some(true) => word(&server["state"]),
            _ => "",
        };
        family.state(&[("node", name)], "state", &STATES, state);
    }
    let mut family = text.gauge(
        "halb_domain_condition",
        "What is the matter with each server of the domain that is heard.",
    );
    for server in known() {
        let holding: Vec<&str> = list(&server["conditions"])
            .filter_map(Value::as_str)
            .collect();
        for condition in CONDITIONS {
            let labels = [("node", word(&server["name"])), ("condition", condition)];
            family.sample(&labels, u8::from(holding.contains(&condition)));
        }
    }
    let mut family = text.gauge(
        "halb_domain_ready",
        "Whether each server of the domain could take over at once; one that is not heard could not.",
    );
    for server in known() {
        let ready = server["ready"].as_bool() == Some(true);
        family.sample(&[("node", word(&server["name"]))], u8::from(ready));
    }
}

fn links<'v>(text: &mut Text, servers: impl Iterator<Item = &'v Value>) {
    let mut family = text.gauge(
        "halb_domain_link_up",
        "Whether a server was heard over each path to it within the last quarter of a second.",
    );
    for server in servers {
        for (number, link) in list(&server["links"]).enumerate() {
            let number = number.to_string();
            let labels = [("peer", word(&server["name"])), ("link", &number)];
            family.maybe(&labels, link["up"].as_bool().map(u8::from));
        }
    }
}

fn mirror(text: &mut Text, mirror: &Value) {
    let mut family = text.gauge(
        "halb_domain_mirror_lag_seconds",
        "How far each server that mirrors this one is behind it.",
    );
    for follower in list(&mirror["followers"]) {
        family.maybe(
            &[("peer", word(&follower["name"]))],
            follower["lag_s"].as_f64(),
        );
    }
    text.counter(
        "halb_domain_mirror_resyncs_total",
        "How often everything was asked for again because something was missing.",
    )
    .maybe(&[], mirror["resyncs"].as_u64());
}

fn file(text: &mut Text, file: &Value) {
    text.gauge(
        "halb_domain_file_generation",
        "The version of the domain file that this server has, counted.",
    )
    .maybe(&[], file["generation"].as_u64());
    text.gauge(
        "halb_domain_file_in_sync",
        "Whether every server that is reached has the same domain file, and no change waits.",
    )
    .maybe(&[], file["in_sync"].as_bool().map(u8::from));
    text.gauge(
        "halb_domain_file_conflicts",
        "Files that keep a domain file that was not taken, and that nobody has acknowledged.",
    )
    .maybe(&[], file["conflicts"].as_array().map(Vec::len));
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The text by which alerts and manual are held against what there is (`tests/monitoring.rs`).
    #[test]
    fn a_domain_is_written() {
        let domain = json!({
            "name": "shop", "term": 3, "state": "active", "holds_s": 2.5, "switch_cut": 6,
            "servers": [
                {"name": "lb1", "alive": true, "state": "active", "conditions": ["failing"], "ready": true},
                {"name": "lb2", "alive": true, "state": "standby", "conditions": [], "ready": false,
                 "links": [{"up": true}, {"up": false}]},
                {"name": "lb3", "alive": false, "ready": false},
                {"name": "lb4"},
            ],
            "mirror": {"followers": [{"name": "lb2", "lag_s": 0.25}], "resyncs": 4},
            "file": {"generation": 7, "in_sync": true, "conflicts": ["a"]},
        });
        let mut text = Text::default();
        write(&mut text, Some(&domain));
        let expected = include_str!("../../../tests/monitoring/domain.txt");
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn without_a_domain_there_is_nothing() {
        let mut text = Text::default();
        write(&mut text, None);
        assert_eq!(text.finish(), "");
    }
}
