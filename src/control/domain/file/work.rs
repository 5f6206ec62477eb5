//! What takes time: the disk, and reading a configuration. Done beside the task, which is told what came of it.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::control::domain::Domain;
use crate::control::domain::file::Command;
use crate::control::domain::file::DomainFile;
use crate::control::domain::file::Examined;
use crate::control::domain::file::Setup;
use crate::control::domain::file::Submission;
use crate::control::domain::file::answer::Answered;
use crate::control::domain::file::disk::Replacement;
use crate::control::domain::file::guard;
use crate::control::domain::file::guard::Verdict;
use crate::control::domain::file::record;
use crate::control::domain::file::record::Record;
use crate::control::log;
use crate::control::reload::Reloaded;
use crate::control::shared::Shared;
use crate::model::load::Loaded;
use crate::pair::advert::FileVersion;
use crate::pair::file::words::Event;

pub(super) struct Work {
    file: Arc<DomainFile>,
    setup: Setup,
    /// One record after the other.
    writing: Arc<Mutex<()>>,
}

impl Work {
    pub(super) fn new(file: Arc<DomainFile>, setup: Setup) -> Work {
        Work {
            file,
            setup,
            writing: Arc::default(),
        }
    }

    pub(super) fn domain(&self) -> &Arc<Domain> {
        &self.setup.domain
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.setup.shared
    }

    /// Looks at what somebody wants, before anybody else is asked. `known`: what all have. `asked`: somebody waits for
    /// the answer, who may have changed nothing but a file that the configuration names.
    pub(super) async fn examine(&self, submission: Submission, known: Arc<[u8]>, asked: bool) {
        let examined = match self.look_at(&submission, &known).await {
            Ok(text) if text[..] == known[..] => {
                let reloaded = match asked {
                    true => self.setup.reloader.reload().await,
                    false => Reloaded::Done(crate::control::reload::Report::default()),
                };
                Examined::No(Answered::Same(reloaded))
            }
            Ok(text) => Examined::Fine(text.into()),
            Err(answered) => Examined::No(answered),
        };
        self.say(Command::Examined(submission, examined));
    }

    async fn look_at(&self, submission: &Submission, known: &[u8]) -> Result<Vec<u8>, Answered> {
        let me = &self.setup.domain.name;
        let refused = |why: String| Answered::Refused(vec![(me.clone(), why)]);
        let text = match &submission.text {
            Some(text) => text.clone(),
            None => {
                let place = self.file.place.clone();
                let read = spawn_blocking(move || place.read()).await;
                let read = read.map_err(|error| refused(error.to_string()))?;
                read.map_err(|error| Answered::Unfinished(format!("the domain file: {error}")))?
            }
        };
        if text == known {
            return Ok(text);
        }
        if let Some(sentence) = guard::unfinished(&text) {
            return Err(Answered::Unfinished(sentence));
        }
        let loaded = self.load(&text).await;
        let loaded = loaded.map_err(|lines| refused(lines.join("\n")))?;
        let current = self.setup.shared.current();
        let verdict = guard::examine(me, (known, &current.config), (&text, &loaded.config));
        match verdict {
            Verdict::Ask(reasons) if !submission.yes => Err(Answered::Asks(reasons)),
            Verdict::Ask(_) | Verdict::Propose => Ok(text),
        }
    }

    /// Whether a text could be this server's configuration.
    pub(super) async fn check(&self, number: u32, text: Arc<[u8]>) {
        let result = match self.load(&text).await {
            Ok(loaded) => self.setup.reloader.try_out(loaded).await,
            Err(lines) => Err(lines),
        };
        let result = result.map_err(|lines| lines.join("\n"));
        self.say(Command::Happened(Event::Checked { number, result }));
    }

    /// Writes a version down and takes it into force. `was` is in force until now.
    pub(super) async fn adopt(
        &self,
        was: (FileVersion, Arc<[u8]>),
        text: Arc<[u8]>,
        conflict: bool,
    ) {
        let place = self.file.place.clone();
        let (name, version) = (self.setup.domain.name.clone(), was.0);
        let written = spawn_blocking(move || {
            place.replace(&Replacement {
                was: &was.1,
                was_called: format!("{name}-{}", version.generation),
                edit_called: format!("{name}-{}", version.generation.saturating_add(1)),
                is: &text,
                keep: conflict,
            })
        });
        let result = match written.await {
            Ok(Ok(kept)) => {
                if !kept.is_empty() {
                    self.say(Command::Kept(kept));
                }
                Ok(self.take_into_force().await)
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.say(Command::Happened(Event::Adopted(result)));
    }

    /// What changed, in a sentence.
    async fn take_into_force(&self) -> String {
        match self.setup.reloader.reload().await {
            Reloaded::Done(report) => report.sentence(),
            Reloaded::Refused(lines) => {
                format!("written, and not in force: {}", lines.join("; "))
            }
            Reloaded::Finishing => "written; it is finishing".to_owned(),
        }
    }

    /// For the next start. What cannot be written is found out anew then, from what the others have.
    pub(super) fn remember(self: &Arc<Self>, record: Record) {
        let Some(folder) = self.setup.folder.clone() else {
            return;
        };
        let writing = Arc::clone(&self.writing);
        tokio::spawn(async move {
            let _turn = writing.lock_owned().await;
            let write = move || folder.write(record::FILE, &record::encode(&record));
            if let Ok(Err(error)) = spawn_blocking(write).await {
                log::event(
                    "state_not_saved",
                    &[("file", &record::FILE), ("cause", &error)],
                );
            }
        });
    }

    async fn load(&self, text: &[u8]) -> Result<Loaded, Vec<String>> {
        let (trial, text) = (Arc::clone(&self.setup.trial), text.to_vec());
        let loaded = spawn_blocking(move || trial(&text)).await;
        loaded.unwrap_or_else(|error| Err(vec![error.to_string()]))
    }

    fn say(&self, command: Command) {
        let _ = self.file.commands.send(command);
    }
}
