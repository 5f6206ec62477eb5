//! `halb reload`: lets the HALB that runs with the same configuration read it again.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use crate::control::ctl::answer::DONE;
use crate::control::ctl::client::Reply;
use crate::control::ctl::client::ask_running;
use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::Options;
use crate::daemon::check;

/// In a domain all servers are asked, and then told: five seconds for the one and ten for the other.
const PATIENCE: Duration = Duration::from_secs(20);

/// Besides what was said of a token.
const OTHER_TOKEN: &str =
    "if the file has another ctl_token than the running halb: reload it by SIGHUP";

/// The verb.
pub fn verb(options: &Options) -> ExitCode {
    let loaded = match check::configuration(options) {
        Ok(loaded) => loaded,
        Err(unusable) => {
            check::say(&unusable.listing());
            return fail("the running halb was not asked: nothing is changed");
        }
    };
    match ask_running(&loaded.config, "/api/reload", PATIENCE) {
        Ok(reply) if reply.code == u64::from(DONE) => {
            for warning in listed(&reply, "warnings") {
                check::say(&format!("{warning}\n"));
            }
            check::put(&format!("{}\n", reply.message))
        }
        Ok(reply) => {
            for line in listed(&reply, "findings") {
                check::say(&format!("{line}\n"));
            }
            if reply.message.contains("token") {
                check::say(&format!("{OTHER_TOKEN}\n"));
            }
            fail(&reply.message)
        }
        Err(unanswered) => fail(&unanswered.to_string()),
    }
}

fn listed<'a>(reply: &'a Reply, name: &str) -> impl Iterator<Item = &'a str> {
    let list = reply.more.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn fail(cause: &str) -> ExitCode {
    check::say(&format!("halb reload: {cause}\n"));
    ExitCode::from(EXIT_FAILURE)
}
