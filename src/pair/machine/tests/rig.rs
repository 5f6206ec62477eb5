//! One machine with all that it is joined to: a peer or several, a warden, a disk, workers. What it does is kept as words.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::action::Action;
use crate::pair::action::Handover;
use crate::pair::action::Outcome;
use crate::pair::action::Why;
use crate::pair::advert::Advert;
use crate::pair::advert::FileVersion;
use crate::pair::advert::PROTOCOL;
use crate::pair::event::Domain;
use crate::pair::event::Event;
use crate::pair::event::FromWarden;
use crate::pair::event::Member;
use crate::pair::event::Order;
use crate::pair::event::Readiness;
use crate::pair::event::Reply;
use crate::pair::machine::Machine;
use crate::pair::machine::Setup;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::pair::term::Ballot;
use crate::pair::term::Term;

pub const FILE: FileVersion = FileVersion {
    term: 1,
    generation: 7,
    hash: 99,
};

pub fn term(number: u64, main: bool) -> Term {
    Term { number, main }
}

/// `lb1` is main, `lb2` backup, all others are neither.
pub fn domain(me: &str, servers: &[&str]) -> Domain {
    let mut members = [None; crate::pair::SERVERS_MAX];
    for (slot, name) in members.iter_mut().zip(servers) {
        *slot = Some(Member {
            node: NodeId::of(name),
            maintenance: false,
        });
    }
    Domain {
        me: NodeId::of(me),
        hot_standby: true,
        main: NodeId::of("lb1"),
        backup: Some(NodeId::of("lb2")),
        servers: members,
        has_addresses: true,
        has_ping: true,
        activate_backup_on_local_failure: true,
        switch_grace: Duration::from_secs(5),
        lease: Duration::from_secs(1),
    }
}

/// What another server says: a ready standby, unless it is told otherwise.
pub fn says(name: &str) -> Advert {
    Advert {
        from: NodeId::of(name),
        boot: 1,
        protocol: PROTOCOL,
        state: State::Standby,
        reaches_ping: true,
        able: true,
        ready: true,
        file: FILE,
        ..Advert::default()
    }
}

pub fn says_active(name: &str, term: Term) -> Advert {
    Advert {
        state: State::Active,
        holds: true,
        term,
        ..says(name)
    }
}

pub struct Rig {
    pub machine: Machine,
    pub now: Instant,
    /// What the others say every 50 ms, as long as they do.
    pub others: BTreeMap<&'static str, Advert>,
    /// What the machine has done: all but adverts and notes, in order.
    pub done: Vec<String>,
    pub whys: Vec<Why>,
    pub domain: Domain,
    /// What the service network answers; `None`: the warden does not say.
    pub reply: Option<Reply>,
    /// Whether the disk takes what it is given; `None`: it does not say.
    pub disk: Option<bool>,
    /// Whether ping addresses answer.
    pub pinged: bool,
    /// Whether the warden adds and removes what it is told to.
    pub warden: bool,
    /// Whether workers end what they are told to end.
    pub drains: bool,
    pub stored: Vec<Ballot>,
    due: Instant,
}

impl Rig {
    pub fn new(domain: Domain, ballot: Option<Ballot>) -> Rig {
        let now = Instant::from_nanos(1_000_000_000);
        let setup = Setup {
            domain,
            boot: 5,
            release: 0,
            ballot,
        };
        let mut rig = Rig {
            machine: Machine::new(setup, now),
            now,
            others: BTreeMap::new(),
            done: Vec::new(),
            whys: Vec::new(),
            domain,
            reply: Some(Reply::Silence),
            disk: Some(true),
            pinged: true,
            warden: true,
            drains: true,
            stored: Vec::new(),
            due: now,
        };
        rig.obey();
        rig.on(Event::Readiness(Readiness {
            file: FILE,
            mirrored: true,
            outputs_up: true,
        }));
        rig
    }

    /// Of a pair; this server is main (`lb1`), and standby behind an active `lb2`.
    pub fn standby() -> Rig {
        Rig::standby_in(domain("lb1", &["lb1", "lb2"]))
    }

    pub fn standby_in(domain: Domain) -> Rig {
        let mut rig = Rig::new(domain, Some(Ballot::default()));
        rig.others.insert("lb2", says_active("lb2", term(5, false)));
        rig.pass(200);
        assert_eq!(rig.machine.state(), State::Standby);
        rig.forget();
        rig
    }

    /// Of a pair; this server is main (`lb1`) and active by term 1, `lb2` a ready standby.
    pub fn active() -> Rig {
        Rig::active_in(domain("lb1", &["lb1", "lb2"]))
    }

    pub fn active_in(domain: Domain) -> Rig {
        let mut rig = Rig::new(domain, Some(Ballot::default()));
        rig.pass(2500);
        assert_eq!(rig.machine.state(), State::Active, "{:?}", rig.whys);
        rig.others.insert("lb2", says("lb2"));
        rig.pass(200);
        rig.forget();
        rig
    }

    pub fn maintenance() -> Rig {
        let mut rig = Rig::standby();
        rig.maintain("lb1", true);
        rig.forget();
        rig
    }

    pub fn inactive() -> Rig {
        let mut rig = Rig::standby();
        rig.roles("lb2", None);
        rig.forget();
        rig
    }

    pub fn on(&mut self, event: Event) {
        self.machine.on(event, self.now);
        self.obey();
    }

    pub fn order(&mut self, order: Order) {
        self.on(Event::Order(order));
    }

    pub fn maintain(&mut self, name: &str, maintenance: bool) {
        for member in self.domain.servers.iter_mut().flatten() {
            if member.node == NodeId::of(name) {
                member.maintenance = maintenance;
            }
        }
        self.on(Event::Domain(self.domain));
    }

    pub fn roles(&mut self, main: &str, backup: Option<&str>) {
        self.domain.main = NodeId::of(main);
        self.domain.backup = backup.map(NodeId::of);
        self.on(Event::Domain(self.domain));
    }

    /// Time goes by: others speak, ping addresses answer, the machine gets its ticks.
    pub fn pass(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        loop {
            let tick = self.machine.next().expect("it always wants to speak again");
            assert!(
                tick > self.now,
                "a machine that wants the present again never rests"
            );
            self.now = tick.min(self.due).min(end);
            if self.now == self.due {
                self.due = self.due + Duration::from_millis(50);
                self.speak();
            }
            if self.now == tick {
                self.on(Event::Tick);
            }
            if self.now == end {
                return;
            }
        }
    }

    /// The process is stopped for so long: no event, no tick.
    pub fn stall(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        self.due = self.due.max(self.now);
        self.on(Event::Tick);
    }

    pub fn forget(&mut self) {
        self.done.clear();
        self.whys.clear();
        self.stored.clear();
    }

    /// What has been done since it was forgotten.
    pub fn done(&self) -> String {
        self.done.join(" ")
    }

    pub fn other(&mut self, name: &'static str) -> &mut Advert {
        self.others.get_mut(name).expect("it is there")
    }

    pub fn goes(&mut self, name: &'static str) {
        self.others.remove(name);
    }

    fn speak(&mut self) {
        if self.pinged {
            self.on(Event::Warden(FromWarden::Reached));
        }
        for advert in self.others.clone().into_values() {
            self.on(Event::Heard { link: 0, advert });
        }
    }

    fn obey(&mut self) {
        while let Some(action) = self.machine.take() {
            match action {
                Action::Advertise => {}
                Action::Note(note) => self.whys.push(note.why),
                Action::Hold(hold) => {
                    self.done.push(if hold { "hold" } else { "let-go" }.into());
                    if self.warden {
                        self.on(Event::Warden(FromWarden::Holds(hold)));
                    }
                }
                Action::Announce => self.done.push("announce".into()),
                Action::Ask { number } => self.asked(number),
                Action::Store(ballot) => self.store(ballot),
                Action::Workers(handover) => self.workers(handover),
                Action::Answer(_, Outcome::Done) => self.done.push("done".into()),
                Action::Answer(_, Outcome::Refused(why)) => {
                    self.done.push(format!("refused:{why:?}"))
                }
                Action::Leave => self.done.push("leave".into()),
            }
        }
    }

    /// The answer comes at once; the real one takes 60 ms.
    fn asked(&mut self, number: u32) {
        if self.done.last().is_none_or(|last| last != "ask") {
            self.done.push("ask".into());
        }
        if let Some(reply) = self.reply {
            self.on(Event::Warden(FromWarden::Answered { number, reply }));
        }
    }

    fn store(&mut self, ballot: Ballot) {
        match ballot.vote {
            Some(_) => self.done.push(format!("vote:{}", ballot.term.number)),
            None => self.done.push(format!("note:{}", ballot.term.number)),
        }
        match self.disk {
            Some(true) => {
                self.stored.push(ballot);
                self.on(Event::Stored(ballot));
            }
            Some(false) => self.on(Event::NotStored),
            None => {}
        }
    }

    fn workers(&mut self, handover: Handover) {
        let word = match handover {
            Handover::None => "serve",
            Handover::Drain => "drain",
            Handover::Cut => "cut",
        };
        self.done.push(word.into());
        if self.drains && handover != Handover::None {
            self.on(Event::Plane(crate::pair::event::Plane::Drained));
        }
    }
}
