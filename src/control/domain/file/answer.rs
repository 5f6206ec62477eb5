//! What becomes of a change, for whoever wanted it.

use serde_json::Value;
use serde_json::json;

use crate::control::ctl::answer::Answer;
use crate::control::domain::file::record::shown;
use crate::control::reload::Reloaded;
use crate::pair::advert::FileVersion;

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answered {
    /// The file says what all have: it was only read again here.
    Same(Reloaded),
    /// Taken; what each server says.
    Taken {
        version: FileVersion,
        said: Vec<(String, Result<String, String>)>,
    },
    /// Nobody has taken it: who refused it, and why.
    Refused(Vec<(String, String)>),
    /// The file cannot be taken as it is, or not be read: a sentence.
    Unusable(String),
    /// It waits for a word; why.
    Asks(Vec<String>),
    /// Another server's change came first.
    Late,
    /// The end has begun.
    Ended,
}

impl Answered {
    /// For the journal, and for people.
    pub fn sentence(&self) -> String {
        match self {
            Answered::Same(_) => "the domain file says what is in force".to_owned(),
            Answered::Taken { version, said } => {
                let said = said.iter().map(|(name, said)| match said {
                    Ok(said) => format!("{name}: {said}"),
                    Err(why) => format!("{name}: not taken: {why}"),
                });
                let said: Vec<String> = said.collect();
                format!("domain file {}; {}", shown(*version), said.join("; "))
            }
            Answered::Refused(why) => {
                let why = why
                    .iter()
                    .map(|(name, why)| format!("{name}: {}", why.replace('\n', "; ")));
                let why: Vec<String> = why.collect();
                format!("refused, nothing is changed on any server: {}", why.join("; "))
            }
            Answered::Unusable(sentence) => sentence.clone(),
            Answered::Asks(reasons) => format!(
                "waits, nothing is changed: {}: `halb domain apply --yes` takes it all the same",
                reasons.join("; ")
            ),
            Answered::Late => "another server has changed the domain file meanwhile, and what was written here is kept \
                               beside it: look at it, and change the file again"
                .to_owned(),
            Answered::Ended => "halb is finishing: nothing is changed".to_owned(),
        }
    }

    /// For `ctl`.
    pub fn answer(&self) -> Result<Answer, Answer> {
        let sentence = self.sentence();
        match self {
            Answered::Same(reloaded) => crate::control::ctl::reloaded(reloaded),
            Answered::Taken { version, said } => {
                let each = |(name, said): &(String, Result<String, String>)| {
                    let (taken, text) = match said {
                        Ok(text) => (true, text),
                        Err(text) => (false, text),
                    };
                    json!({"name": name, "taken": taken, "text": text})
                };
                let servers: Vec<Value> = said.iter().map(each).collect();
                let more = [
                    ("version", json!(shown(*version))),
                    ("servers", json!(servers)),
                ];
                let more = more.map(|(name, value)| (name.to_owned(), value));
                Ok(Answer::saying(&sentence, more.into()))
            }
            Answered::Refused(why) => {
                let lines = why
                    .iter()
                    .flat_map(|(name, why)| why.lines().map(move |line| format!("{name}: {line}")));
                let more = vec![("findings".to_owned(), json!(lines.collect::<Vec<_>>()))];
                let message = "refused, nothing is changed on any server";
                Err(Answer::failed(message, more))
            }
            Answered::Unusable(_) | Answered::Asks(_) | Answered::Late | Answered::Ended => {
                Err(Answer::not_done(&sentence))
            }
        }
    }
}
