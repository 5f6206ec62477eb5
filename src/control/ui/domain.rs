//! The domain on the page: which server is what, who serves, and orders to it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use tokio::spawn;

use crate::control::ctl::domain::Asked;
use crate::control::ctl::domain::Desk;
use crate::control::shared::Shared;
use crate::control::ui::Refusal;
use crate::control::ui::guard::Guard;
use crate::control::ui::page;
use crate::control::ui::page::escaped;
use crate::control::ui::switch;

/// Where orders go.
pub const PATH: &str = "/domain";

/// What a button says: the order of `ctl` that it is, and what goes with it.
const ORDERS: [(&str, &str, &str); 7] = [
    ("activate", "activate", ""),
    ("ack", "ack", ""),
    ("maintenance-on", "maintenance", "set=on&"),
    ("maintenance-off", "maintenance", "set=off&"),
    (
        "report-failure",
        "report-failure",
        "text=reported%20on%20the%20page&",
    ),
    ("apply", "apply", ""),
    ("apply-anyway", "apply", "yes=1&"),
];

/// The panel; empty where there is no domain. With a token it has orders.
pub fn panel(domain: Option<&Value>, order_token: Option<&str>) -> String {
    let Some(domain) = domain else {
        return String::new();
    };
    let rows: String = list(&domain["servers"])
        .map(|server| row(server, order_token))
        .collect();
    let name = escaped(word(&domain["name"]));
    let file = escaped(word(&domain["file"]["text"]));
    let mirror = escaped(word(&domain["mirror"]["text"]));
    let kept: Vec<&str> = list(&domain["file"]["conflicts"])
        .filter_map(Value::as_str)
        .collect();
    let kept = match kept.is_empty() {
        true => String::new(),
        false => format!(
            "<p class=\"probe\">kept beside the domain file, until ack: {}</p>\n",
            escaped(&kept.join(", "))
        ),
    };
    let apply = order_token.map_or_else(String::new, |token| apply(domain, token));
    format!(
        "<section aria-labelledby=\"domain\" id=\"pair\" data-domain=\"{}\">\n<h2 id=\"domain\">Domain {name}</h2>\n\
         <p class=\"verdict\" data-verdict=\"{}\">{}</p>\n<p class=\"since\">{}</p>\n\
         <div class=\"scroll\">\n<table role=\"table\" aria-labelledby=\"domain\">\n<thead><tr>\
         <th scope=\"col\">Server</th><th scope=\"col\">State</th><th scope=\"col\">Addresses</th>\
         <th scope=\"col\">Ready</th><th scope=\"col\">Links</th><th scope=\"col\">File</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n<p class=\"standing\">Domain file: {file} {apply}</p>\n\
         <p>Mirror: <span data-f=\"domain.mirror.text\">{mirror}</span></p>\n{kept}</section>\n",
        escaped(&domain.to_string()),
        verdict(domain),
        escaped(&sentence(domain)),
        whose(domain),
    )
}

/// Who serves, and whether somebody could take over.
pub fn sentence(domain: &Value) -> String {
    let term = domain["term"].as_u64().unwrap_or(0);
    let Some(active) = domain["active"].as_str() else {
        return "Nobody serves.".to_owned();
    };
    let mut servers = list(&domain["servers"]);
    match servers.find(|server| word(&server["state"]) == "standby" && is(&server["ready"])) {
        Some(standby) => {
            let standby = word(&standby["name"]);
            format!("{active} serves, in term {term}; {standby} could take over.")
        }
        None => format!("{active} serves, in term {term}; nobody could take over."),
    }
}

/// A sign before that sentence, as before the one of the outputs.
fn verdict(domain: &Value) -> &'static str {
    let file = &domain["file"];
    let is_well = |server: &Value| {
        let has_no_role = word(&server["role"]) == "none";
        let serves = word(&server["state"]) == "active";
        let conditions = list(&server["conditions"]).count();
        has_no_role || conditions == 0 && (serves || is(&server["ready"]))
    };
    match domain["active"].is_string() {
        false => "none",
        true if !list(&domain["servers"]).all(is_well) => "some",
        true if list(&file["conflicts"]).count() > 0 || file["in_sync"] == false => "some",
        true => "all",
    }
}

/// For whoever looks at the wrong page. A length of time is kept true by the page's script.
fn whose(domain: &Value) -> String {
    let node = escaped(word(&domain["node"]));
    match domain["holds_s"].as_f64() {
        Some(held) => format!(
            "This is the page of {node}, which has held the addresses for \
             <span data-f=\"domain.holds_s\" data-as=\"length\">{}</span>.",
            length(held)
        ),
        None => format!(
            "This is the page of {node}, which is {}.",
            escaped(word(&domain["state"]))
        ),
    }
}

fn row(server: &Value, order_token: Option<&str>) -> String {
    let name = escaped(word(&server["name"]));
    let state = match is(&server["alive"]) {
        true => word(&server["state"]),
        false => "not heard",
    };
    let mut said = format!("<b>{}</b>", escaped(state));
    for condition in list(&server["conditions"]).filter_map(Value::as_str) {
        said.push_str(&format!(", {}", escaped(condition)));
    }
    let links: Vec<bool> = list(&server["links"]).map(|link| is(&link["up"])).collect();
    let up = links.iter().filter(|up| **up).count();
    let links = match links.is_empty() {
        true => "–".to_owned(),
        false => format!("{up} of {}", links.len()),
    };
    let yes = |value: &Value| if is(value) { "yes" } else { "no" };
    let held = if is(&server["holds"]) { "held" } else { "–" };
    let orders = order_token.map_or_else(String::new, |token| {
        let failing = list(&server["conditions"]).any(|condition| condition == "failing");
        orders(word(&server["name"]), state, failing, token)
    });
    format!(
        "<tr><th scope=\"row\"><b>{name}</b> <span class=\"address\">{}</span></th><td class=\"standing\">{said} {orders}</td><td data-head=\"Addresses\">{held}</td>\
         <td data-head=\"Ready\">{}</td><td data-head=\"Links\">{links}</td><td data-head=\"File\">{}</td></tr>\n",
        escaped(word(&server["role"])),
        yes(&server["ready"]),
        escaped(word(&server["file"])),
    )
}

/// Those that make sense in that state.
fn orders(name: &str, state: &str, failing: bool, token: &str) -> String {
    let mut shown = Vec::new();
    if state == "standby" {
        shown.push(("activate", "activate"));
    }
    shown.push(match state {
        "maintenance" => ("maintenance-off", "end maintenance"),
        _ => ("maintenance-on", "maintenance"),
    });
    if ["active", "standby"].contains(&state) && !failing {
        shown.push(("report-failure", "report a failure"));
    }
    shown.push(("ack", "ack"));
    form(name, &shown, token)
}

/// For what is in the file of this server and not in force: where it waits, somebody has to want it all the same.
fn apply(domain: &Value, token: &str) -> String {
    let file = &domain["file"];
    let waits = list(&file["waiting"]).count() > 0;
    match (waits, &file["in_sync"]) {
        (true, _) => form(
            word(&domain["node"]),
            &[("apply-anyway", "apply anyway")],
            token,
        ),
        (false, Value::Bool(false)) => form(word(&domain["node"]), &[("apply", "apply")], token),
        (false, _) => String::new(),
    }
}

/// One that has these buttons, each with its order and what stands on it, for one server.
fn form(name: &str, shown: &[(&str, &str)], token: &str) -> String {
    let buttons: String = shown
        .iter()
        .map(|(to, label)| format!("<button name=\"to\" value=\"{to}\">{label}</button>"))
        .collect();
    format!(
        "<form method=\"post\" action=\"{PATH}\" class=\"choice\"><input type=\"hidden\" name=\"token\" value=\"{token}\">\
         <input type=\"hidden\" name=\"output\" value=\"{}\">{buttons}</form>",
        escaped(name)
    )
}

/// Does what the form in `body` orders, with the same guards as a switch.
pub async fn carry_out(
    shared: &Arc<Shared>,
    guard: &Guard,
    head: &Parts,
    body: Body,
) -> Result<Response, Refusal> {
    if head.method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "POST only".to_owned()));
    }
    let form = switch::admitted(guard, head, body).await?;
    let unknown = || {
        (
            StatusCode::BAD_REQUEST,
            format!("{:?} is no order", form.to),
        )
    };
    let order = ORDERS.iter().find(|(to, ..)| *to == form.to);
    let (_, path, query) = order.ok_or_else(unknown)?;
    let node =
        percent_encoding::utf8_percent_encode(&form.output, percent_encoding::NON_ALPHANUMERIC);
    // Whom a change of the file is about need not be there; all else is done by that server.
    let name = if *path == "maintenance" { "of" } else { "node" };
    let query = format!("{query}{name}={node}");
    let asked = Asked::read(path, &query)
        .and_then(Result::ok)
        .ok_or_else(unknown)?;
    let desk =
        Desk::of(shared).ok_or_else(|| (StatusCode::NOT_FOUND, "there is no domain".to_owned()))?;
    let target = format!("{}{path}?{query}", crate::control::ctl::domain::PREFIX);
    // On a task of its own: who goes away must not end it half-way.
    let answer = spawn(async move { desk.ask(&asked, &target).await }).await;
    let ended = |_| {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the end has begun".to_owned(),
        )
    };
    match answer.map_err(ended)? {
        Err(refused) => Err((StatusCode::CONFLICT, refused.message().to_owned())),
        Ok(answer) if switch::by_script(head) => Ok(answer.into_response()),
        Ok(_) => {
            let back = HeaderValue::from_static(page::PATH);
            Ok((StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response())
        }
    }
}

fn length(seconds: f64) -> String {
    crate::control::ui::format::length(std::time::Duration::from_secs_f64(seconds.max(0.0)))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn is(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("–")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn domain() -> Value {
        json!({
            "name": "shop", "node": "lb2", "state": "standby", "active": "lb1", "term": 3,
            "servers": [
                {"name": "lb1", "role": "main", "alive": true, "state": "active", "holds": true, "ready": true,
                 "conditions": ["<failing>"], "links": [{"up": true}, {"up": false}], "file": "3.7"},
                {"name": "lb2", "role": "backup", "alive": true, "state": "standby", "ready": true},
            ],
            "mirror": {"text": "what lb1 has learned is here"},
            "file": {"text": "version 3.7 on all servers", "conflicts": ["halb.toml.conflict-lb2-6"]},
        })
    }

    #[test]
    fn a_standby_says_who_serves() {
        let text = panel(Some(&domain()), None);
        for part in [
            "data-verdict=\"some\">lb1 serves, in term 3; lb2 could take over.",
            "data-domain=\"{&quot;active&quot;:&quot;lb1&quot;,",
            "This is the page of lb2, which is standby.",
            "<b>active</b>, &lt;failing&gt;",
            "1 of 2",
            "version 3.7 on all servers",
            "halb.toml.conflict-lb2-6",
            "what lb1 has learned is here",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("<form"), "no token, no orders");
        assert_eq!(panel(None, None), "");
    }

    #[test]
    fn a_sign_says_whether_all_is_well() {
        let well = json!({
            "name": "shop", "node": "lb1", "state": "active", "active": "lb1", "term": 3, "holds_s": 75.0,
            "servers": [
                {"name": "lb1", "role": "main", "alive": true, "state": "active", "ready": false, "conditions": []},
                {"name": "lb2", "role": "backup", "alive": true, "state": "standby", "ready": true, "conditions": []},
                {"name": "lb3", "role": "none", "alive": false},
            ],
            "file": {"in_sync": true, "conflicts": []},
        });
        let text = panel(Some(&well), None);
        assert!(text.contains("data-as=\"length\">1 min 15 s<"), "{text}");
        assert_eq!(verdict(&well), "all");
        let change = |path: &str, value: Value| {
            let mut changed = well.clone();
            *changed.pointer_mut(path).unwrap() = value;
            (verdict(&changed), sentence(&changed))
        };
        let serves = |end: &str| format!("lb1 serves, in term 3; {end} could take over.");
        for (path, value, sign, said) in [
            ("/active", Value::Null, "none", "Nobody serves.".to_owned()),
            ("/servers/1/ready", json!(false), "some", serves("nobody")),
            (
                "/servers/0/conditions",
                json!(["failing"]),
                "some",
                serves("lb2"),
            ),
            ("/file/in_sync", json!(false), "some", serves("lb2")),
            ("/file/conflicts", json!(["a"]), "some", serves("lb2")),
        ] {
            assert_eq!(change(path, value), (sign, said), "{path}");
        }
    }

    #[test]
    fn orders_are_those_that_make_sense() {
        let text = panel(Some(&domain()), Some("secret"));
        assert_eq!(
            text.matches("value=\"activate\"").count(),
            1,
            "of the standby"
        );
        assert_eq!(text.matches("value=\"maintenance-on\"").count(), 2);
        assert_eq!(text.matches("value=\"report-failure\"").count(), 2);
        assert!(
            !orders("lb1", "active", true, "t").contains("report-failure"),
            "known already"
        );
        assert!(!text.contains("value=\"apply"), "nothing waits");
        assert!(orders("lb2", "maintenance", false, "t").contains("maintenance-off"));
    }

    #[test]
    fn a_file_that_is_not_in_force_can_be_applied() {
        for (waiting, in_sync, button) in [
            (json!([]), json!(false), "value=\"apply\">apply<"),
            (
                json!(["it has no [domain]"]),
                json!(false),
                "value=\"apply-anyway\">apply anyway<",
            ),
        ] {
            let mut domain = domain();
            domain["file"]["waiting"] = waiting;
            domain["file"]["in_sync"] = in_sync;
            let text = panel(Some(&domain), Some("secret"));
            assert!(text.contains(button), "{text}");
            assert!(!panel(Some(&domain), None).contains("<button"));
        }
    }

    #[test]
    fn each_button_is_an_order_of_ctl() {
        for (to, path, query) in ORDERS {
            let asked = Asked::read(path, &format!("{query}node=lb2"));
            let asked = asked.and_then(Result::ok);
            assert!(asked.is_some_and(|asked| asked.changes()), "{to}");
        }
    }
}
