//! How the domain stands, in lines.

use std::fmt::Write;

use serde_json::Value;

/// A line for the domain, one for each server, one for the file, and one for each thing that waits for somebody.
pub fn status(domain: &Value) -> String {
    let mut text = heading(domain);
    let _ = writeln!(
        text,
        "{:<12}{:<9}{:<13}{:<11}{:<7}{:<7}{:<9}conditions",
        "server", "role", "state", "addresses", "ready", "links", "file"
    );
    for server in list(&domain["servers"]) {
        server_line(&mut text, server);
    }
    let file = &domain["file"];
    if let Some(sentence) = file["text"].as_str() {
        let _ = writeln!(text, "domain file: {sentence}");
    }
    let conflicts: Vec<&str> = list(&file["conflicts"]).filter_map(Value::as_str).collect();
    if !conflicts.is_empty() {
        let _ = writeln!(
            text,
            "kept beside the domain file, until `halb domain ack`: {}",
            conflicts.join(", ")
        );
    }
    text
}

/// What other servers' files say otherwise.
pub fn differences(servers: &Value) -> String {
    let mut text = String::new();
    for server in list(servers) {
        let name = word(&server["name"]);
        if let Some(cause) = server["unknown"].as_str() {
            let _ = writeln!(text, "{name}: {cause}");
            continue;
        }
        let lines: Vec<&str> = list(&server["lines"]).filter_map(Value::as_str).collect();
        match lines.is_empty() {
            true => {
                let _ = writeln!(text, "{name}: the same");
            }
            false => {
                let _ = writeln!(text, "- here\n+ {name}");
                lines.iter().for_each(|line| {
                    let _ = writeln!(text, "{line}");
                });
            }
        }
    }
    text
}

fn heading(domain: &Value) -> String {
    let (name, node) = (word(&domain["name"]), word(&domain["node"]));
    let serves = match domain["active"].as_str() {
        Some(active) => format!("{active} serves, term {}", number(&domain["term"])),
        None => "nobody serves".to_owned(),
    };
    let held = match domain["holds_s"].as_f64() {
        Some(seconds) => format!(", addresses held here for {}", length(seconds)),
        None => String::new(),
    };
    format!("domain {name}, seen from {node}: {serves}{held}\n")
}

fn server_line(text: &mut String, server: &Value) {
    let yes = |value: &Value| match value.as_bool() {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    let is_this = server["this"].as_bool() == Some(true);
    let links: Vec<&Value> = list(&server["links"]).collect();
    let up = links
        .iter()
        .filter(|link| link["up"].as_bool() == Some(true));
    let links = match is_this {
        true => "-".to_owned(),
        false => format!("{}/{}", up.count(), list(&server["addresses"]).count()),
    };
    let state = match server["alive"].as_bool() {
        Some(true) => word(&server["state"]),
        _ => "not heard",
    };
    let holds = match server["holds"].as_bool() {
        Some(true) => "held",
        _ => "-",
    };
    let conditions: Vec<&str> = list(&server["conditions"])
        .filter_map(Value::as_str)
        .collect();
    let line = format!(
        "{:<12}{:<9}{state:<13}{holds:<11}{:<7}{links:<7}{:<9}{}",
        word(&server["name"]),
        word(&server["role"]),
        yes(&server["ready"]),
        word(&server["file"]),
        conditions.join(" ")
    );
    let _ = writeln!(text, "{}", line.trim_end());
}

fn length(seconds: f64) -> String {
    match seconds {
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3600.0),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn number(value: &Value) -> String {
    value
        .as_u64()
        .map_or("?".to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pair_is_shown() {
        let domain = json!({
            "name": "shop", "node": "lb1", "active": "lb1", "term": 3, "holds_s": 61.0,
            "servers": [
                {"name": "lb1", "role": "main", "this": true, "alive": true, "state": "active", "holds": true,
                 "ready": true, "file": "3.7", "conditions": [], "addresses": ["a", "b"]},
                {"name": "lb2", "role": "backup", "this": false, "alive": true, "state": "standby", "holds": false,
                 "ready": false, "file": "3.6", "conditions": ["failing", "blind"], "addresses": ["a", "b"],
                 "links": [{"up": true}, {"up": false}]},
                {"name": "lb3", "role": "none", "alive": false, "addresses": ["a"]},
            ],
            "file": {"text": "version 3.7 on all servers", "conflicts": ["halb.toml.conflict-lb2-6"]},
        });
        let expected = "\
domain shop, seen from lb1: lb1 serves, term 3, addresses held here for 61 s
server      role     state        addresses  ready  links  file     conditions
lb1         main     active       held       yes    -      3.7
lb2         backup   standby      -          no     1/2    3.6      failing blind
lb3         none     not heard    -          ?      0/1    ?
domain file: version 3.7 on all servers
kept beside the domain file, until `halb domain ack`: halb.toml.conflict-lb2-6
";
        assert_eq!(status(&domain), expected);
    }

    #[test]
    fn what_is_not_known_is_shown_as_that() {
        let text = status(&json!({}));
        assert!(
            text.starts_with("domain ?, seen from ?: nobody serves\n"),
            "{text}"
        );
    }

    #[test]
    fn differences_are_shown_for_each_server() {
        let servers = json!([
            {"name": "lb2", "lines": ["@ line 1", "-a", "+b"]},
            {"name": "lb3", "lines": []},
            {"name": "lb4", "unknown": "it is not reached on any path"},
        ]);
        let expected =
            "- here\n+ lb2\n@ line 1\n-a\n+b\nlb3: the same\nlb4: it is not reached on any path\n";
        assert_eq!(differences(&servers), expected);
    }
}
