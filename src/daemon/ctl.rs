//! `halb ctl`: asks the HALB that runs with the same configuration.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use crate::control::ctl::answer::DONE;
use crate::control::ctl::client::Client;
use crate::control::ctl::client::Reply;
use crate::control::ctl::client::Unanswered;
use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::Ask;
use crate::daemon::args::Options;
use crate::daemon::check;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;

/// Between two looks at an output that drains.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Why it was not done.
enum Failure {
    Unanswered(Unanswered),
    /// In the answer's own words.
    Refused(String),
}

/// The verb.
pub fn verb(options: &Options, ask: &Ask) -> ExitCode {
    let loaded = match check::configuration(options) {
        Ok(loaded) => loaded,
        Err(unusable) => {
            check::say(&unusable.listing());
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    let client = Client::new(&loaded.config).map_err(Failure::Unanswered);
    match client.and_then(|client| carry_out(&client, ask)) {
        Ok(text) => check::put(&text),
        Err(failure) => {
            let cause = match failure {
                Failure::Unanswered(error) => error.to_string(),
                Failure::Refused(message) => message,
            };
            check::say(&format!("halb ctl: {cause}\n"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// What there is to print.
fn carry_out(client: &Client, ask: &Ask) -> Result<String, Failure> {
    match ask {
        Ask::Status => Ok(table(&done(client, "/api/sessions")?)),
        Ask::Enable { output } => order(client, "enable", *output, "enabled"),
        Ask::Disable { output } => order(client, "disable", *output, "disabled"),
        Ask::Drain {
            output,
            wait: false,
        } => order(client, "drain", *output, "draining"),
        Ask::Drain { output, wait: true } => drain(client, *output),
    }
}

fn order(client: &Client, verb: &str, output: OutputId, word: &str) -> Result<String, Failure> {
    done(client, &format!("/api/{verb}?channel={output}"))?;
    Ok(format!("{output} {word}\n"))
}

/// Drains, or goes on waiting where somebody has ordered it before.
fn drain(client: &Client, output: OutputId) -> Result<String, Failure> {
    let ordered = order(client, "drain", output, "draining");
    loop {
        let reply = done(client, "/api/sessions")?;
        let of_output = |name: &str| reply.more.get(&output.to_string())?.get(name).cloned();
        let switch = of_output("switch");
        let drains = switch.as_ref().and_then(Value::as_str) == Some("draining");
        match of_output("active").and_then(|active| active.as_u64()) {
            Some(0) if drains => return Ok(format!("{output} drained\n")),
            Some(_) if drains => client.pause(LOOK_AGAIN),
            _ => {
                // It never did, or somebody has changed that meanwhile.
                ordered?;
                let message = format!("{output} does not drain any more");
                return Err(Failure::Refused(message));
            }
        }
    }
}

fn done(client: &Client, target: &str) -> Result<Reply, Failure> {
    let reply = client.ask(target).map_err(Failure::Unanswered)?;
    if u64::from(DONE) == reply.code {
        Ok(reply)
    } else {
        Err(Failure::Refused(reply.message))
    }
}

/// One line for each output, in their order.
fn table(reply: &Reply) -> String {
    let mut text = format!(
        "{:<8}{:<10}{:<10}{:>8}{:>8}\n",
        "output", "health", "switch", "active", "queue"
    );
    for output in (0..OUTPUTS_MAX).filter_map(OutputId::from_index) {
        let Some(said) = reply.more.get(&output.to_string()) else {
            continue;
        };
        let word = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or("?");
        let number = |name: &str| said.get(name).and_then(Value::as_u64).unwrap_or(0);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<8}{:<10}{:<10}{:>8}{:>8}",
            output.to_string(),
            word("health"),
            word("switch"),
            number("active"),
            number("queue")
        );
    }
    text
}
