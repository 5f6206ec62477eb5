//! Keepers that are wrong on purpose: the real one, distorted at its edges.

use halb::model::time::Instant;
use halb::pair::file::head::Head;
use halb::pair::file::message::Message;
use halb::pair::file::message::Text;
use halb::pair::file::words::Action;
use halb::pair::file::words::Event;

use crate::file::subject::Found;
use crate::file::subject::Keeps;
use crate::file::subject::keeper;
use crate::flaw::Flaw;

pub struct FlawedKeeper {
    inner: Box<dyn Keeps>,
    flaw: Flaw,
    now: Instant,
}

impl FlawedKeeper {
    pub fn new(found: Found, flaw: Flaw) -> FlawedKeeper {
        let now = found.now;
        FlawedKeeper {
            inner: keeper(found),
            flaw,
            now,
        }
    }

    /// What it gets to hear instead of `event`.
    fn distort(&self, event: Event) -> Option<Event> {
        match (self.flaw, event) {
            (
                Flaw::HearsOfNoLaterFile,
                Event::Heard {
                    message: Message::Head { .. },
                    ..
                },
            ) => None,
            (Flaw::WritesOverOthers, Event::Wanted { text, .. }) => {
                let base = self.inner.head().version;
                Some(Event::Wanted { base, text })
            }
            (_, event) => Some(event),
        }
    }
}

impl Keeps for FlawedKeeper {
    fn on(&mut self, event: Event, now: Instant) {
        self.now = now;
        if let Some(event) = self.distort(event) {
            self.inner.on(event, now);
        }
    }

    fn next(&self) -> Option<Instant> {
        self.inner.next()
    }

    fn take(&mut self) -> Option<Action> {
        loop {
            match (self.flaw, self.inner.take()?) {
                (Flaw::KeepsNothingBeside, Action::Adopt { head, text, .. }) => {
                    let conflict = false;
                    return Some(Action::Adopt {
                        head,
                        text,
                        conflict,
                    });
                }
                (Flaw::SaysTakenUnwritten, action @ Action::Adopt { .. }) => {
                    let done = Event::Adopted(Ok("done".into()));
                    self.inner.on(done, self.now);
                    return Some(action);
                }
                (Flaw::ChecksNothing, Action::Check { number, .. }) => {
                    let result = Ok(());
                    self.inner.on(Event::Checked { number, result }, self.now);
                }
                (_, action) => return Some(action),
            }
        }
    }

    fn head(&self) -> &Head {
        self.inner.head()
    }

    fn text(&self) -> &Text {
        self.inner.text()
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }
}
