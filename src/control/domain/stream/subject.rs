//! Who listens to what is asked and told, and why there is no answer.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::control::domain::Subject;
use crate::pair::node::NodeId;

/// The other end of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sender {
    pub node: NodeId,
    pub boot: u64,
    /// Which stream it came over: another number, another stream, and what was told between both may be lost.
    pub stream: u64,
}

/// What becomes of a question: an answer, or a sentence why there is none.
pub type Answering = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;
pub(super) type OnAsk = Arc<dyn Fn(Sender, Vec<u8>) -> Answering + Send + Sync>;
pub(super) type OnTell = Arc<dyn Fn(Sender, Vec<u8>) + Send + Sync>;
pub(super) type OnHappening = Arc<dyn Fn(&Happening) + Send + Sync>;

/// What has become of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    Up(Sender),
    Down(Sender),
    /// It ended without a farewell, a moment after it was heard: that boot of the server has crashed. `Down` has been
    /// said before.
    Crashed {
        node: NodeId,
        boot: u64,
    },
}

/// Who listens to what.
#[derive(Default, Clone)]
pub struct Handlers {
    asked: BTreeMap<u8, OnAsk>,
    told: BTreeMap<u8, OnTell>,
    happened: Vec<OnHappening>,
}

impl Handlers {
    /// Questions about `subject` are answered so. Each has a task of its own.
    pub fn on_ask<F>(
        &mut self,
        subject: Subject,
        answer: impl Fn(Sender, Vec<u8>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<Vec<u8>, String>> + Send + 'static,
    {
        let boxed = move |sender, body| -> Answering { Box::pin(answer(sender, body)) };
        self.asked.insert(subject as u8, Arc::new(boxed));
    }

    /// What is told about `subject` goes there, in order. It must not wait.
    pub fn on_tell(
        &mut self,
        subject: Subject,
        hear: impl Fn(Sender, Vec<u8>) + Send + Sync + 'static,
    ) {
        self.told.insert(subject as u8, Arc::new(hear));
    }

    /// What becomes of streams is told there. It must not wait.
    pub fn on_happening(&mut self, hear: impl Fn(&Happening) + Send + Sync + 'static) {
        self.happened.push(Arc::new(hear));
    }

    pub(super) fn asked(&self, subject: u8) -> Option<OnAsk> {
        self.asked.get(&subject).cloned()
    }

    pub(super) fn told(&self, subject: u8) -> Option<OnTell> {
        self.told.get(&subject).cloned()
    }

    pub(super) fn happened(&self) -> Vec<OnHappening> {
        self.happened.clone()
    }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unreachable {
    /// There is no stream to it.
    NoStream,
    /// The stream ended before the answer came.
    Lost,
    Silent,
    /// More than may be sent, or more than is taken away.
    TooMuch,
    /// By the other side; a sentence.
    Refused(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreachable::NoStream => f.write_str("it is not reached on any path"),
            Unreachable::Lost => f.write_str("the connection to it ended before it answered"),
            Unreachable::Silent => f.write_str("it did not answer in time"),
            Unreachable::TooMuch => f.write_str("it does not take what it is sent"),
            Unreachable::Refused(sentence) => f.write_str(sentence),
        }
    }
}

/// Something that was to be told was not: whoever told it has to begin anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotTold {
    NoStream,
    /// So much waits already that it was dropped.
    Full,
}
