//! The domain file of this server: what somebody writes into it here goes to all servers, and what all have comes here.
//! The rules are in [`crate::pair::file`]; here are the disk, the streams and the people.
//!
//! - `watch`: notices a change; `guard`: what must not spread by accident
//! - `task`: the one who does one thing after another; `work`: what takes it time
//! - `disk`: the file itself; `record`: what is remembered; `edit`: a change of one word
//! - `view` and `answer`: how it stands and what came of a change, for people

pub mod answer;
pub mod disk;
pub mod edit;
pub mod guard;
pub mod record;
mod task;
pub mod view;
pub mod watch;
mod work;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use crate::control::domain::Answers;
use crate::control::domain::Domain;
use crate::control::domain::Later;
use crate::control::domain::Subject;
use crate::control::domain::file::answer::Answered;
use crate::control::domain::file::disk::Place;
use crate::control::domain::file::task::Task;
use crate::control::domain::file::view::View;
use crate::control::log;
use crate::control::reload::Reloader;
use crate::control::reload::Trial;
use crate::control::shared::Shared;
use crate::control::state::Folder;
use crate::pair::advert::FileVersion;
use crate::pair::file::bytes::decode;
use crate::pair::file::message::Text;
use crate::pair::file::words::Event;
use crate::pair::node::NodeId;

/// What the domain file is kept with.
pub struct Setup {
    pub shared: Arc<Shared>,
    pub domain: Arc<Domain>,
    pub reloader: Arc<Reloader>,
    /// Where it is remembered from one start to the next.
    pub folder: Option<Arc<Folder>>,
    /// What is in force at the start. The file may say otherwise by now.
    pub text: Text,
    /// Reads a text as this server's configuration.
    pub trial: Trial,
}

/// The domain file, as the rest of control has it.
pub struct DomainFile {
    place: Place,
    commands: UnboundedSender<Command>,
    view: Mutex<View>,
}

/// What is to be done next.
enum Command {
    /// Somebody wants a change.
    Submit(Submission),
    /// It has been looked at.
    Examined(Examined),
    /// For the keeper.
    Happened(Event),
    /// The file was replaced; these keep what would have been lost.
    Kept(Vec<String>),
    /// This server goes by what all have; or why not.
    InForce(Result<(), String>),
    /// The key that lies here for the next start: its file, and a hash by which it can be told from another.
    Key(Option<(String, u64)>),
    /// Somebody has seen what was kept.
    Acknowledge(oneshot::Sender<Vec<String>>),
}

/// A change that somebody wants.
struct Submission {
    wish: Wish,
    /// Another server's change came first, so that it is looked at again.
    late: bool,
    /// Who wants to know; nobody does when the file was written.
    reply: Option<oneshot::Sender<Answered>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Wish {
    what: What,
    /// All the same, whatever it does to this server or to the service.
    yes: bool,
}

/// What all servers are to have.
#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    /// What is in the file.
    Written,
    /// The same, but for one word: whether that server is in maintenance.
    Maintenance { of: String, on: bool },
}

/// What was found out about it.
struct Examined {
    /// What all had before it was read.
    base: FileVersion,
    /// What is to be proposed; else what came of it.
    result: Result<Text, Answered>,
}

impl DomainFile {
    /// Finds the file.
    pub fn at(path: &Path) -> io::Result<(Arc<DomainFile>, Orders)> {
        let (commands, orders) = unbounded_channel();
        let file = DomainFile {
            place: Place::of(path)?,
            commands,
            view: Mutex::default(),
        };
        Ok((Arc::new(file), Orders(orders)))
    }

    /// Keeps the file as the other servers have it, for ever. `orders` came with it.
    pub async fn run(self: Arc<Self>, orders: Orders, setup: Setup) {
        Task::begin(self, setup).run(orders.0).await;
    }

    /// What is in the file is to be in force on all servers; where it says what is in force it is read again here.
    /// `yes`: also where this server would harm itself.
    pub async fn reload(&self, yes: bool) -> Answered {
        self.submit(What::Written, yes).await
    }

    /// Whether a server is in maintenance, and nothing else, is to be changed. `force`: also where that ends the service.
    pub async fn maintenance(&self, of: &str, on: bool, force: bool) -> Answered {
        let of = of.to_owned();
        self.submit(What::Maintenance { of, on }, force).await
    }

    /// Somebody has seen the files that keep what was not taken: their names.
    pub async fn acknowledge(&self) -> Vec<String> {
        let (reply, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Acknowledge(reply));
        answer.await.unwrap_or_default()
    }

    /// How it stands.
    pub fn view(&self) -> View {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        view.clone()
    }

    /// What is in the file now.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        self.place.read()
    }

    async fn submit(&self, what: What, yes: bool) -> Answered {
        let (reply, answer) = oneshot::channel();
        let submission = Submission {
            wish: Wish { what, yes },
            late: false,
            reply: Some(reply),
        };
        // Nobody receives it when the end has begun.
        let _ = self.commands.send(Command::Submit(submission));
        answer.await.unwrap_or(Answered::Ended)
    }
}

/// What was ordered of a [`DomainFile`] and is not done.
pub struct Orders(UnboundedReceiver<Command>);

impl Answers for DomainFile {
    fn answer(&self, from: NodeId, body: Vec<u8>) -> Later<'_, Vec<u8>> {
        match decode(&body) {
            Ok(message) => {
                let _ = self
                    .commands
                    .send(Command::Happened(Event::Heard { from, message }));
            }
            Err(error) => log::event(
                "domain_file_message",
                &[("server", &from), ("cause", &error)],
            ),
        }
        Box::pin(async { Vec::new() })
    }

    fn linked(&self, node: NodeId, up: bool) {
        let event = match up {
            true => Event::Linked(node),
            false => Event::Unlinked(node),
        };
        let _ = self.commands.send(Command::Happened(event));
    }
}

/// Has the other servers heard and answered from now on.
fn join(file: &Arc<DomainFile>, domain: &Domain) {
    if let Some(peers) = domain.peers() {
        peers.serve(Subject::File, Arc::clone(file) as Arc<dyn Answers>);
        // Who was there before that.
        for node in peers.reached() {
            file.linked(node, true);
        }
    }
}

#[cfg(test)]
mod tests;
