//! Any events in any order: what holds always.

use proptest::prelude::*;

use super::rig::domain;
use crate::model::time::Instant;
use crate::pair::action::Action;
use crate::pair::advert::Advert;
use crate::pair::advert::tests::advert;
use crate::pair::event::Event;
use crate::pair::event::FromWarden;
use crate::pair::event::Order;
use crate::pair::event::Plane;
use crate::pair::event::Readiness;
use crate::pair::event::Reply;
use crate::pair::machine::Machine;
use crate::pair::machine::Setup;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::pair::term::Ballot;
use crate::pair::term::Term;

const NAMES: [&str; 4] = ["lb1", "lb2", "lb3", "stranger"];

/// What may happen; adverts come from known names and with small terms, or they would never matter.
#[derive(Clone, Debug)]
enum Chance {
    Event(Event),
    Heard {
        name: usize,
        term: u64,
        advert: Advert,
    },
    Domain {
        maintenance: u8,
        main: usize,
        backup: usize,
        bits: [bool; 4],
    },
    /// The disk, the warden answer to what was asked last.
    Stored(bool),
    Answered(Reply),
}

fn chance() -> impl Strategy<Value = Chance> {
    let reply = prop::sample::select(vec![
        Reply::Silence,
        Reply::Silence,
        Reply::Somebody,
        Reply::Unable,
    ]);
    let events = prop::sample::select(vec![
        Event::Tick,
        Event::Tick,
        Event::Tick,
        Event::Crashed {
            node: NodeId::of("lb2"),
            boot: 1,
        },
        Event::Warden(FromWarden::Holds(true)),
        Event::Warden(FromWarden::Holds(false)),
        Event::Warden(FromWarden::Reached),
        Event::Warden(FromWarden::Carrier(true)),
        Event::Warden(FromWarden::Carrier(false)),
        Event::Warden(FromWarden::Lost),
        Event::Warden(FromWarden::Ended),
        Event::Plane(Plane::Serves),
        Event::Plane(Plane::Broken),
        Event::Plane(Plane::Drained),
        Event::Readiness(Readiness {
            outputs_up: true,
            mirrored: true,
            ..Readiness::default()
        }),
        Event::Order(Order::Activate { cut: true }),
        Event::Order(Order::ReportFailure),
        Event::Order(Order::Acknowledge),
    ]);
    let heard = (0..4_usize, 0..20_u64, advert());
    prop_oneof![
        6 => events.prop_map(Chance::Event),
        6 => heard.prop_map(|(name, term, advert)| Chance::Heard { name, term, advert }),
        1 => (any::<u8>(), 0..4_usize, 0..4_usize, any::<[bool; 4]>())
            .prop_map(|(maintenance, main, backup, bits)| Chance::Domain { maintenance, main, backup, bits }),
        4 => any::<bool>().prop_map(Chance::Stored),
        4 => reply.prop_map(Chance::Answered),
    ]
}

/// A machine, and what it has been seen to do.
struct Watched {
    machine: Machine,
    domain: crate::pair::event::Domain,
    storing: Option<Ballot>,
    stored: Ballot,
    asked: u32,
    /// The last term it held the addresses by.
    held: Term,
    holds: bool,
    open_orders: usize,
}

impl Watched {
    fn event(&self, chance: Chance) -> Event {
        match chance {
            Chance::Event(event) => event,
            Chance::Heard { name, term, advert } => Event::Heard {
                link: 0,
                advert: Advert {
                    from: NodeId::of(NAMES[name]),
                    term: Term {
                        number: term,
                        main: term % 2 == 0,
                    },
                    vote: advert.vote.map(|_| {
                        (
                            Term {
                                number: term,
                                main: false,
                            },
                            NodeId::of(NAMES[name]),
                        )
                    }),
                    ..advert
                },
            },
            Chance::Domain {
                maintenance,
                main,
                backup,
                bits,
            } => {
                let mut domain = self.domain;
                for (at, member) in domain.servers.iter_mut().flatten().enumerate() {
                    member.maintenance = maintenance & 3 == 3 && maintenance >> (at + 2) & 1 == 1;
                }
                domain.main = NodeId::of(NAMES[main]);
                domain.backup = Some(NodeId::of(NAMES[backup]));
                [
                    domain.hot_standby,
                    domain.has_ping,
                    domain.has_addresses,
                    domain.activate_backup_on_local_failure,
                ] = bits;
                Event::Domain(domain)
            }
            Chance::Stored(true) => self.storing.map_or(Event::Tick, Event::Stored),
            Chance::Stored(false) => self.storing.map_or(Event::Tick, |_| Event::NotStored),
            Chance::Answered(reply) => Event::Warden(FromWarden::Answered {
                number: self.asked,
                reply,
            }),
        }
    }

    fn on(&mut self, event: Event, now: Instant) {
        match event {
            Event::Stored(ballot) => {
                assert!(ballot.term >= self.stored.term, "terms never go back");
                self.stored = ballot;
                self.storing = None;
            }
            Event::NotStored => self.storing = None,
            Event::Order(_) => self.open_orders += 1,
            _ => {}
        }
        self.machine.on(event, now);
        while let Some(action) = self.machine.take() {
            self.see(action);
        }
        let advert = self.machine.advert();
        let state = self.machine.state();
        assert_eq!(Advert::decode(&advert.encode()), Ok(advert));
        assert!(
            !self.holds || state == State::Active,
            "only an active holds"
        );
        assert!(
            advert.term <= self.stored.term,
            "what is announced is stored"
        );
        assert!(advert.vote.is_none_or(|vote| vote.0 <= self.stored.term));
        assert!(self.machine.next().is_some_and(|next| next > now));
    }

    fn see(&mut self, action: Action) {
        match action {
            Action::Store(ballot) => {
                assert!(self.storing.is_none(), "one ballot at a time");
                assert!(
                    ballot.term > self.stored.term,
                    "one vote a term, and terms rise"
                );
                self.storing = Some(ballot);
            }
            Action::Ask { number } => self.asked = number,
            Action::Hold(true) => {
                let term = self.machine.term();
                assert_eq!(self.machine.state(), State::Active);
                assert!(term >= self.held && term <= self.stored.term);
                self.held = term;
                self.holds = true;
            }
            Action::Hold(false) => self.holds = false,
            Action::Answer(..) => self.open_orders -= 1,
            Action::Leave => panic!("nobody wants it to end"),
            Action::Advertise | Action::Announce | Action::Workers(_) | Action::Note(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_events_in_any_order_break_what_always_holds(
        servers in 1..4_usize,
        has_ballot in any::<bool>(),
        steps in prop::collection::vec((chance(), 0_u64..400), 1..200),
    ) {
        let mut now = Instant::from_nanos(1);
        let domain = domain("lb1", &NAMES[..servers]);
        let setup = Setup { domain, boot: 5, release: 0, ballot: has_ballot.then(Ballot::default) };
        let mut watched = Watched {
            machine: Machine::new(setup, now),
            domain,
            storing: None,
            stored: Ballot::default(),
            asked: 0,
            held: Term::default(),
            holds: false,
            open_orders: 0,
        };
        for (chance, ms) in steps {
            now = now + std::time::Duration::from_millis(ms / 4);
            let event = watched.event(chance);
            watched.on(event, now);
        }
        prop_assert!(watched.open_orders <= 1, "each order is answered, but for a switch under way");
    }
}
