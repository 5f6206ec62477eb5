//! `/api/domain/…`: how the domain stands, and orders to it; for this server or, with `node=`, for another one.

use std::sync::Arc;

use serde_json::Value;
use serde_json::json;

use crate::control::ctl::answer::Answer;
use crate::control::domain::Answers;
use crate::control::domain::Domain;
use crate::control::domain::Later;
use crate::control::domain::Peers;
use crate::control::domain::Subject;
use crate::control::domain::diff;
use crate::control::domain::file::DomainFile;
use crate::control::domain::file::guard::is_needed;
use crate::control::domain::report;
use crate::control::shared::Shared;
use crate::pair::action::Outcome;
use crate::pair::event::Order;
use crate::pair::node::NodeId;
use crate::pair::state::State;

/// What is asked for, with its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    verb: Verb,
    /// Another server, if not the one that is asked.
    pub node: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Verb {
    Status,
    Activate {
        cut: bool,
    },
    Maintenance {
        of: Option<String>,
        on: bool,
        force: bool,
    },
    ReportFailure {
        text: String,
    },
    Acknowledge,
    Apply {
        yes: bool,
    },
    /// What another server's file says otherwise; without a name: all others'.
    Diff {
        of: Option<String>,
    },
}

const USAGE: &str = "what follows the ? is not understood: see docs/ctl.md";

impl Asked {
    /// Reads path (behind `/api/domain/`) and query. `None`: there is no such path.
    pub fn read(path: &str, query: &str) -> Option<Result<Asked, Answer>> {
        if ![
            "status",
            "activate",
            "maintenance",
            "report-failure",
            "ack",
            "apply",
            "diff",
        ]
        .contains(&path)
        {
            return None;
        }
        Some(parse(path, query).ok_or_else(|| Answer::malformed(USAGE)))
    }

    /// Whether it changes anything.
    pub fn changes(&self) -> bool {
        !matches!(self.verb, Verb::Status | Verb::Diff { .. })
    }
}

fn parse(path: &str, query: &str) -> Option<Asked> {
    let mut given = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let decode = |text: &str| {
            let bytes = percent_encoding::percent_decode_str(text).decode_utf8();
            bytes.ok().map(String::from)
        };
        given.push((decode(name)?, decode(value)?));
    }
    let mut take = |name: &str| {
        let at = given.iter().position(|(given, _)| given == name)?;
        Some(given.remove(at).1)
    };
    let node = take("node");
    let mut flag = |name: &str| match take(name).as_deref() {
        None | Some("0") => Some(false),
        Some("" | "1") => Some(true),
        Some(_) => None,
    };
    let verb = match path {
        "status" => Verb::Status,
        "activate" => Verb::Activate {
            cut: !flag("no_cut")?,
        },
        "ack" => Verb::Acknowledge,
        "apply" => Verb::Apply { yes: flag("yes")? },
        "diff" => Verb::Diff { of: take("of") },
        "report-failure" => Verb::ReportFailure {
            text: take("text")?,
        },
        _ => {
            let force = flag("force")?;
            let on = match take("set")?.as_str() {
                "on" => true,
                "off" => false,
                _ => return None,
            };
            Verb::Maintenance {
                of: take("of"),
                on,
                force,
            }
        }
    };
    given.is_empty().then_some(Asked { verb, node })
}

/// Answers for this server.
pub struct Desk {
    shared: Arc<Shared>,
    domain: Arc<Domain>,
}

impl Desk {
    /// `None`: there is no domain.
    pub fn of(shared: &Arc<Shared>) -> Option<Desk> {
        Some(Desk {
            shared: Arc::clone(shared),
            domain: Arc::clone(shared.domain()?),
        })
    }

    /// Here, or where it is meant for.
    pub async fn ask(&self, asked: &Asked, target: &str) -> Result<Answer, Answer> {
        let Some(node) = asked
            .node
            .as_ref()
            .filter(|node| **node != self.domain.name)
        else {
            return self.here(asked).await;
        };
        let current = self.shared.current();
        let known = current.config.domain.as_ref().map(|domain| &domain.servers);
        if !known.is_some_and(|servers| servers.contains_key(node)) {
            return Err(Answer::not_done(&format!(
                "{node} is no server of this domain"
            )));
        }
        let peers: &Arc<dyn Peers> = self.domain.peers().ok_or_else(begins)?;
        let body = target.as_bytes().to_vec();
        match peers.ask(NodeId::of(node), Subject::Remote, body).await {
            Ok(bytes) => Answer::from_body(&bytes).ok_or_else(|| {
                Answer::not_done(&format!("{node} answered what is not understood"))
            }),
            Err(unreached) => Err(Answer::not_done(&format!("{node}: {}", unreached.0))),
        }
    }

    async fn here(&self, asked: &Asked) -> Result<Answer, Answer> {
        match &asked.verb {
            Verb::Status => {
                let report = report::report(&self.shared).ok_or_else(begins)?;
                Ok(Answer::of(vec![("domain".to_owned(), report)]))
            }
            Verb::Activate { cut } => self.activate(*cut).await,
            Verb::Maintenance { of, on, force } => {
                let of = of.as_ref().unwrap_or(&self.domain.name);
                self.maintenance(of, *on, *force).await
            }
            Verb::ReportFailure { text } => self.report_failure(text).await,
            Verb::Acknowledge => self.acknowledge().await,
            Verb::Apply { yes } => self.file()?.reload(*yes).await.answer(),
            Verb::Diff { of } => self.diff(of.as_deref()).await,
        }
    }

    /// On the active there is nothing to do, and who asked for a switch away from it is told how.
    async fn activate(&self, cut: bool) -> Result<Answer, Answer> {
        let standing = self.domain.pair.standing();
        if standing.is_some_and(|standing| standing.own.state == State::Active) {
            let me = &self.domain.name;
            return Err(Answer::not_done(&format!(
                "{me} is active already; to move the service, say --node and which server is to have it"
            )));
        }
        self.order(Order::Activate { cut }).await
    }

    async fn report_failure(&self, text: &str) -> Result<Answer, Answer> {
        let failure = self.domain.failure.get().ok_or_else(begins)?;
        let said = format!("failure reported: {text}");
        self.shared.journal.note("pair", None, said);
        failure.remember(text).await;
        self.order(Order::ReportFailure).await
    }

    async fn acknowledge(&self) -> Result<Answer, Answer> {
        let seen = self.file()?.acknowledge().await;
        self.domain.failure.get().ok_or_else(begins)?.forget().await;
        let answer = self.order(Order::Acknowledge).await?;
        match seen.is_empty() {
            true => Ok(answer),
            false => {
                let text = format!(
                    "acknowledged: {}; the files stay where they are",
                    seen.join(", ")
                );
                Ok(Answer::saying(&text, Vec::new()))
            }
        }
    }

    async fn maintenance(&self, of: &str, on: bool, force: bool) -> Result<Answer, Answer> {
        let current = self.shared.current();
        let config = current.config.domain.as_ref().ok_or_else(begins)?;
        let Some(server) = config.servers.get(of) else {
            return Err(Answer::not_done(&format!(
                "{of} is no server of this domain"
            )));
        };
        let word = if on { "on" } else { "off" };
        if server.maintenance == on {
            return Err(Answer::not_done(&format!(
                "maintenance of {of} is {word} already"
            )));
        }
        let standing = self.domain.pair.standing();
        if on && !force && is_needed(standing.as_ref(), of, &[]) {
            return Err(Answer::not_done(&format!(
                "{of} is active and no standby is ready to take over: wait for one (`halb domain status`), or say --force \
                 and lose the service"
            )));
        }
        self.file()?.maintenance(of, on, force).await.answer()
    }

    async fn diff(&self, of: Option<&str>) -> Result<Answer, Answer> {
        let current = self.shared.current();
        let config = current.config.domain.as_ref().ok_or_else(begins)?;
        if let Some(of) = of
            && !config.servers.contains_key(of)
        {
            return Err(Answer::not_done(&format!(
                "{of} is no server of this domain"
            )));
        }
        let unreadable = |cause: String| Answer::not_done(&format!("the domain file: {cause}"));
        let ours = self
            .file()?
            .read()
            .map_err(|error| unreadable(error.to_string()))?;
        let ours = diff::hide(&String::from_utf8_lossy(&ours));
        let ours = ours.ok_or_else(|| unreadable("it is not TOML".to_owned()))?;
        let names = config.servers.keys();
        let is_meant =
            |name: &&String| **name != self.domain.name && of.is_none_or(|of| of == *name);
        let mut servers = Vec::new();
        for name in names.filter(is_meant) {
            servers.push(match self.text_of(name).await {
                Ok(theirs) => json!({"name": name, "lines": diff::lines(&ours, &theirs)}),
                Err(cause) => json!({"name": name, "unknown": cause}),
            });
        }
        Ok(Answer::of(vec![("servers".to_owned(), json!(servers))]))
    }

    /// Another server's file without its secrets; or a sentence.
    async fn text_of(&self, name: &str) -> Result<String, String> {
        let peers = self.domain.peers().ok_or("halb is still starting")?;
        let asked = peers
            .ask(NodeId::of(name), Subject::Remote, TEXT.into())
            .await;
        let bytes = asked.map_err(|unreached| unreached.0)?;
        let answer: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let status = &answer["status"];
        match status["text"].as_str() {
            Some(text) => diff::hide(text).ok_or_else(|| "its file is not TOML".to_owned()),
            None => Err(status["message"].as_str().unwrap_or("no answer").to_owned()),
        }
    }

    fn text(&self) -> Result<Answer, Answer> {
        let bytes = self.file()?.read();
        let bytes =
            bytes.map_err(|error| Answer::not_done(&format!("the domain file: {error}")))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(Answer::of(vec![("text".to_owned(), json!(text))]))
    }

    async fn order(&self, order: Order) -> Result<Answer, Answer> {
        match self.domain.pair.order(order).await {
            Some(Outcome::Done) => Ok(Answer::done()),
            Some(Outcome::Refused(why)) => {
                // What is refused is refused because of this server.
                let sentence = why.sentence(&self.domain.name, None);
                Err(Answer::not_done(&sentence.to_string()))
            }
            None => Err(Answer::not_done(
                "the pair thread does not answer: see the log",
            )),
        }
    }

    fn file(&self) -> Result<&Arc<DomainFile>, Answer> {
        self.domain.file().ok_or_else(begins)
    }
}

/// What comes over a stream: a path and a query, as `ctl` has them.
impl Answers for Desk {
    fn answer(&self, _from: NodeId, body: Vec<u8>) -> Later<'_, Vec<u8>> {
        Box::pin(async move {
            let target = String::from_utf8_lossy(&body);
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            if path == TEXT {
                let (Ok(answer) | Err(answer)) = self.text();
                return answer.body().into_bytes();
            }
            let answer = match path
                .strip_prefix(PREFIX)
                .and_then(|path| Asked::read(path, query))
            {
                Some(Ok(asked)) => self.here(&asked).await,
                Some(Err(malformed)) => Err(malformed),
                None => Err(Answer::unknown_path(path)),
            };
            let (Ok(answer) | Err(answer)) = answer;
            answer.body().into_bytes()
        })
    }
}

/// The file itself, with the secrets in it: for other servers alone.
const TEXT: &str = "/domain/text";

/// What all paths begin with.
pub const PREFIX: &str = "/api/domain/";

fn begins() -> Answer {
    Answer::not_done("halb is still starting: ask again")
}

#[cfg(test)]
mod tests;
