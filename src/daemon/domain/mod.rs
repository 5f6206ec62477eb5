//! `halb domain`: asks the servers of a domain and gives them orders, through the HALB that runs here.
//!
//! - `table`: how the domain stands, in lines; `keygen`: a new key

mod keygen;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use crate::control::ctl::answer::DONE;
use crate::control::ctl::client::Reply;
use crate::control::ctl::client::ask_running;
use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::DomainVerb;
use crate::daemon::args::Options;
use crate::daemon::check;
use crate::model::config::Config;

/// A change of the file takes fifteen seconds at most …
const PATIENCE: Duration = Duration::from_secs(70);
/// … and a planned switch so much longer than `switch_grace`.
const SWITCH_SLACK: Duration = Duration::from_secs(10);

/// The verb.
pub fn verb(options: &Options, verb: &DomainVerb) -> ExitCode {
    if let DomainVerb::Keygen { file } = verb {
        return keygen::verb(options, file.as_deref());
    }
    // Which server is asked; which one this is, HALB_NODE and the host name say.
    let asked = options.node.clone();
    let mut own = options.clone();
    own.node = None;
    // A file with mistakes, or without a [domain], may be the very one that somebody has to be asked about.
    let (config, said) = check::legible(&own);
    check::say(&said);
    carry_out(&config, asked.as_deref(), verb)
}

fn carry_out(config: &Config, node: Option<&str>, verb: &DomainVerb) -> ExitCode {
    let reply = match ask_running(config, &target(node, verb), patience(config)) {
        Ok(reply) => reply,
        Err(unanswered) => return fail(&unanswered.to_string()),
    };
    if reply.code != u64::from(DONE) {
        for line in listed(&reply, "findings") {
            check::say(&format!("{line}\n"));
        }
        return fail(&reply.message);
    }
    match verb {
        DomainVerb::Status { json: true } => check::put(&format!("{}\n", of(&reply, "domain"))),
        DomainVerb::Status { json: false } => check::put(&table::status(&of(&reply, "domain"))),
        DomainVerb::Diff => check::put(&table::differences(&of(&reply, "servers"))),
        _ if reply.message.is_empty() => check::put("done\n"),
        _ => check::put(&format!("{}\n", reply.message)),
    }
}

fn patience(config: &Config) -> Duration {
    let switch = config.domain.as_ref().map(|domain| domain.switch_grace);
    switch.map_or(PATIENCE, |grace| PATIENCE.max(grace + SWITCH_SLACK))
}

/// What `ctl` is asked.
fn target(node: Option<&str>, verb: &DomainVerb) -> String {
    let word = |on: &bool| if *on { "on" } else { "off" };
    let flag = |name: &str, is_set: &bool| is_set.then(|| (name.to_owned(), "1".to_owned()));
    let mut given: Vec<(String, String)> = Vec::new();
    let path = match verb {
        DomainVerb::Status { .. } => "status",
        DomainVerb::Activate { no_cut } => {
            given.extend(flag("no_cut", no_cut));
            "activate"
        }
        DomainVerb::Maintenance { on, server, force } => {
            given.push(("set".to_owned(), word(on).to_owned()));
            given.extend(server.clone().map(|server| ("of".to_owned(), server)));
            given.extend(flag("force", force));
            "maintenance"
        }
        DomainVerb::ReportFailure { text } => {
            given.push(("text".to_owned(), text.clone()));
            "report-failure"
        }
        DomainVerb::Ack => "ack",
        DomainVerb::Apply { yes } => {
            given.extend(flag("yes", yes));
            "apply"
        }
        DomainVerb::Diff | DomainVerb::Keygen { .. } => "diff",
    };
    // Of a difference it is the other side; of all else, who is asked.
    let name = if path == "diff" { "of" } else { "node" };
    given.extend(node.map(|node| (name.to_owned(), node.to_owned())));
    let encoded = given
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    let query: Vec<String> = encoded.collect();
    match query.is_empty() {
        true => format!("/api/domain/{path}"),
        false => format!("/api/domain/{path}?{}", query.join("&")),
    }
}

fn of(reply: &Reply, name: &str) -> Value {
    reply.more.get(name).cloned().unwrap_or(Value::Null)
}

fn listed<'a>(reply: &'a Reply, name: &str) -> impl Iterator<Item = &'a str> {
    let list = reply.more.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn fail(cause: &str) -> ExitCode {
    check::say(&format!("halb domain: {cause}\n"));
    ExitCode::from(EXIT_FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_encoded() {
        let text = "disk & fan\n".to_owned();
        for (node, verb, expected) in [
            (
                None,
                DomainVerb::Status { json: false },
                "/api/domain/status",
            ),
            (Some("lb2"), DomainVerb::Ack, "/api/domain/ack?node=lb2"),
            (Some("lb2"), DomainVerb::Diff, "/api/domain/diff?of=lb2"),
            (
                None,
                DomainVerb::ReportFailure { text },
                "/api/domain/report-failure?text=disk%20%26%20fan%0A",
            ),
            (
                Some("a"),
                DomainVerb::Maintenance {
                    on: true,
                    server: Some("b".to_owned()),
                    force: true,
                },
                "/api/domain/maintenance?set=on&of=b&force=1&node=a",
            ),
        ] {
            assert_eq!(target(node, &verb), expected);
        }
    }
}
