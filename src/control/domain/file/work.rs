//! What takes time: the disk, and reading a configuration. Done beside the task, which is told what came of it.

use std::sync::Arc;
use std::sync::Mutex as Held;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::control::domain::Domain;
use crate::control::domain::file::Command;
use crate::control::domain::file::DomainFile;
use crate::control::domain::file::Examined;
use crate::control::domain::file::Setup;
use crate::control::domain::file::What;
use crate::control::domain::file::Wish;
use crate::control::domain::file::answer::Answered;
use crate::control::domain::file::disk::Replacement;
use crate::control::domain::file::edit;
use crate::control::domain::file::guard;
use crate::control::domain::file::record;
use crate::control::domain::file::record::Record;
use crate::control::log;
use crate::control::reload::Reloaded;
use crate::control::reload::Report;
use crate::control::shared::Shared;
use crate::model::fingerprint::fingerprint;
use crate::model::load::Loaded;
use crate::pair::advert::FileVersion;
use crate::pair::file::message::Text;
use crate::pair::file::words::Event;
use crate::standby::key::Key;
use crate::standby::key::Use;

pub(super) struct Work {
    file: Arc<DomainFile>,
    setup: Setup,
    /// One record after the other.
    writing: Arc<Mutex<()>>,
    /// What this server is to go by.
    goes_by: Held<Text>,
}

impl Work {
    pub(super) fn new(file: Arc<DomainFile>, setup: Setup) -> Work {
        Work {
            file,
            goes_by: Held::new(Text::clone(&setup.text)),
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

    /// Looks at what somebody wants, before anybody else is asked. `known`: what all have, in the version `base`.
    /// `asked`: somebody waits for the answer, who may have changed nothing but a file that the configuration names.
    pub(super) async fn examine(&self, wish: Wish, base: FileVersion, known: Text, asked: bool) {
        let result = match self.look_at(&wish, &known).await {
            Ok(text) if text[..] == known[..] => {
                let reloaded = match asked {
                    true => self.take_into_force().await,
                    false => Reloaded::Done(Report::default()),
                };
                Err(Answered::Same(reloaded))
            }
            Ok(text) => Ok(text.into()),
            Err(answered) => Err(answered),
        };
        self.say(Command::Examined(Examined { base, result }));
    }

    async fn look_at(&self, wish: &Wish, known: &[u8]) -> Result<Vec<u8>, Answered> {
        let domain = &self.setup.domain;
        let refused = |why: String| Answered::Refused(vec![(domain.name.clone(), why)]);
        let place = self.file.place.clone();
        let read = spawn_blocking(move || place.read()).await;
        let read = read.map_err(|error| refused(error.to_string()))?;
        let text = read.map_err(|error| {
            Answered::Unusable(format!("the domain file cannot be read: {error}"))
        })?;
        let text = match &wish.what {
            What::Written => text,
            What::Maintenance { of, on } => edited(text, of, *on)?,
        };
        if text == known {
            return Ok(text);
        }
        if let Some(sentence) = guard::unfinished(&text) {
            return Err(Answered::Unusable(sentence));
        }
        let loaded = self.load(&text).await;
        let loaded = loaded.map_err(|lines| refused(lines.join("\n")))?;
        let current = self.setup.shared.current();
        let harm = guard::harm((known, &current.config), (&text, &loaded.config));
        let loss = guard::loss(
            domain.pair.standing().as_ref(),
            &current.config,
            &loaded.config,
        );
        let asks = match (&wish.what, wish.yes) {
            (What::Written, true) => Vec::new(),
            // Who insists on maintenance may not know what else is in the file.
            (What::Maintenance { .. }, true) => harm,
            (_, false) => harm.into_iter().chain(loss).collect(),
        };
        match asks.is_empty() {
            true => Ok(text),
            false => Err(Answered::Asks(asks)),
        }
    }

    /// Whether a text could be this server's configuration.
    pub(super) async fn check(&self, number: u32, text: Text) {
        let result = match self.load(&text).await {
            Ok(loaded) => self.setup.reloader.try_out(loaded).await,
            Err(lines) => Err(lines),
        };
        let result = result.map_err(|lines| lines.join("\n"));
        self.say(Command::Happened(Event::Checked { number, result }));
    }

    /// Writes a version down and takes it into force. `was` is in force until now.
    pub(super) async fn adopt(&self, was: (FileVersion, Text), text: Text, conflict: bool) {
        let place = self.file.place.clone();
        let (name, version) = (self.setup.domain.name.clone(), was.0);
        let is = Text::clone(&text);
        let written = spawn_blocking(move || {
            place.replace(&Replacement {
                was: &was.1,
                was_called: format!("{name}-{}", version.generation),
                edit_called: format!("{name}-{}", version.generation.saturating_add(1)),
                is: &is,
                keep: conflict,
            })
        });
        let result = match written.await {
            Ok(Ok(kept)) => {
                if !kept.is_empty() {
                    self.say(Command::Kept(kept));
                }
                *self.goes_by() = text;
                Ok(sentence(&self.take_into_force().await))
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.say(Command::Happened(Event::Adopted(result)));
    }

    /// Not what is in the file: that may be another text by now, which nobody has agreed to.
    async fn take_into_force(&self) -> Reloaded {
        // When its turn has come, the text may be another one.
        let read = async {
            let text = self.goes_by().clone();
            self.load(&text).await
        };
        let reloaded = self.setup.reloader.take(read).await;
        self.read_key().await;
        match &reloaded {
            Reloaded::Done(_) => self.say(Command::InForce(Ok(()))),
            Reloaded::Refused(lines) => self.say(Command::InForce(Err(lines.join("; ")))),
            Reloaded::Finishing => {}
        }
        reloaded
    }

    /// The servers go by the key that they had at their start, so that nothing else shows that one of them has another by
    /// now. One that cannot be read is no reason to say anything: `halb check` does.
    pub(super) async fn read_key(&self) {
        let current = self.setup.shared.current();
        let Some(domain) = &current.config.domain else {
            return;
        };
        let path = domain.key_file.clone();
        let name = path.display().to_string();
        let key = spawn_blocking(move || Key::read(&path)).await;
        let hash = |key: Key| fingerprint(&key.derive(Use::Comparison));
        let key = key.ok().and_then(Result::ok);
        self.say(Command::Key(key.map(|key| (name, hash(key)))));
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
        let loaded = loaded.unwrap_or_else(|error| Err(vec![error.to_string()]))?;
        match guard::is_for(&self.setup.domain.name, &loaded.config) {
            Ok(()) => Ok(loaded),
            Err(sentence) => Err(vec![sentence]),
        }
    }

    fn goes_by(&self) -> MutexGuard<'_, Text> {
        self.goes_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, command: Command) {
        let _ = self.file.commands.send(command);
    }
}

fn edited(text: Vec<u8>, of: &str, on: bool) -> Result<Vec<u8>, Answered> {
    let unusable = |why: String| Answered::Unusable(format!("the domain file: {why}"));
    let text = String::from_utf8(text).map_err(|error| unusable(error.to_string()))?;
    let edited = edit::maintenance(&text, of, on);
    let edited = edited.map_err(|unchanged| unusable(unchanged.0))?;
    Ok(edited.into_bytes())
}

/// What changed, or why nothing did.
fn sentence(reloaded: &Reloaded) -> String {
    match reloaded {
        Reloaded::Done(report) => report.sentence(),
        Reloaded::Refused(lines) => format!("written, and not in force: {}", lines.join("; ")),
        Reloaded::Finishing => "written; it is finishing".to_owned(),
    }
}
