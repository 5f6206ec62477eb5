//! What is tried out: the keeper of the domain file, or one that is wrong on purpose.

use halb::model::time::Instant;
use halb::pair::file::head::Head;
use halb::pair::file::keeper::Keeper;
use halb::pair::file::message::Text;
use halb::pair::file::words::Action;
use halb::pair::file::words::Event;
use halb::pair::node::NodeId;

pub trait Keeps {
    fn on(&mut self, event: Event, now: Instant);
    fn next(&self) -> Option<Instant>;
    fn take(&mut self) -> Option<Action>;
    fn head(&self) -> &Head;
    fn text(&self) -> &Text;
    fn is_idle(&self) -> bool;
}

/// What a keeper is born with.
pub struct Found {
    pub me: NodeId,
    pub head: Head,
    pub text: Text,
    pub now: Instant,
}

pub fn keeper(found: Found) -> Box<dyn Keeps> {
    let Found {
        me,
        head,
        text,
        now,
    } = found;
    Box::new(Keeper::new(me, head, text, now))
}

impl Keeps for Keeper {
    fn on(&mut self, event: Event, now: Instant) {
        Keeper::on(self, event, now);
    }

    fn next(&self) -> Option<Instant> {
        Keeper::next(self)
    }

    fn take(&mut self) -> Option<Action> {
        Keeper::take(self)
    }

    fn head(&self) -> &Head {
        Keeper::head(self)
    }

    fn text(&self) -> &Text {
        Keeper::text(self)
    }

    fn is_idle(&self) -> bool {
        Keeper::is_idle(self)
    }
}
