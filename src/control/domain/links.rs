//! Which links between servers are silent, for the log: as long as one is left nothing else comes of it, so nobody else
//! would say so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::control::domain::Domain;
use crate::control::domain::name_of;
use crate::control::domain::report::link_is_up;
use crate::control::shared::Shared;
use crate::model::config;
use crate::model::time::Instant;
use crate::pair::LINKS_MAX;
use crate::pair::node::NodeId;
use crate::ring::clock;

/// They are looked at so often, and one is silent once it was at two looks.
const LOOK: Duration = Duration::from_millis(500);

/// For as long as control runs.
pub async fn watch(shared: Arc<Shared>, domain: Arc<Domain>) {
    let mut links = Links::default();
    loop {
        sleep(LOOK).await;
        let current = shared.current();
        let both = current.config.domain.as_ref().zip(domain.pair.standing());
        if let Some((config, standing)) = both {
            let own = config.servers.get(&domain.name);
            let own = own.map_or(0, |own| own.addresses.len());
            let peers = standing.peers.iter().flatten();
            let alive = peers.filter(|peer| peer.alive);
            let peers = alive.map(|peer| (peer.advert.from, peer.heard));
            for sentence in links.look(peers, config, own, clock::boot()) {
                shared.journal.note("pair", None, sentence);
            }
        }
    }
}

/// When each link of a server was heard last.
type Heard = [Option<Instant>; LINKS_MAX];

/// What was said of each link, and found at the last look.
#[derive(Default)]
struct Links(BTreeMap<(NodeId, usize), Seen>);

#[derive(Clone, Copy)]
struct Seen {
    said_up: bool,
    was_up: bool,
}

impl Links {
    /// A sentence for each link that has become silent, or is heard again. `peers`: those that are alive (one that is
    /// silent on all its links is another matter); `own`: how many addresses this server has.
    fn look(
        &mut self,
        peers: impl Iterator<Item = (NodeId, Heard)>,
        config: &config::Domain,
        own: usize,
        now: Instant,
    ) -> Vec<String> {
        let mut sentences = Vec::new();
        for (node, heard) in peers {
            let name = name_of(config, node);
            let Some(server) = config.servers.get(&name) else {
                continue;
            };
            let count = own.min(server.addresses.len());
            let links = server.addresses.iter().zip(heard).take(count);
            for (number, (address, heard)) in links.enumerate() {
                let is_up = link_is_up(heard, now);
                if let Some(up) = self.seen((node, number), is_up) {
                    let said = if up { "is heard again" } else { "is silent" };
                    let number = number + 1;
                    sentences.push(format!(
                        "link {number} of {count} to {name}, {address}, {said}"
                    ));
                }
            }
        }
        sentences
    }

    /// What is to be said now.
    fn seen(&mut self, link: (NodeId, usize), is_up: bool) -> Option<bool> {
        // One that never worked is to be said as well.
        let seen = self.0.entry(link).or_insert(Seen {
            said_up: true,
            was_up: true,
        });
        let lasts = seen.was_up == is_up;
        seen.was_up = is_up;
        if !lasts || seen.said_up == is_up {
            return None;
        }
        seen.said_up = is_up;
        Some(is_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_nanos(5_000_000_000);

    fn config() -> config::Domain {
        let server = |addresses: [&str; 2]| config::Server {
            addresses: addresses.map(|address| address.parse().unwrap()).into(),
            ..config::Server::default()
        };
        config::Domain {
            servers: [(
                "lb2".to_owned(),
                server(["10.0.0.12:7400", "192.168.77.2:7400"]),
            )]
            .into(),
            ..config::Domain::default()
        }
    }

    fn look(links: &mut Links, up: [bool; 2], own: usize) -> Vec<String> {
        let mut heard = [None; LINKS_MAX];
        for (place, up) in heard.iter_mut().zip(up) {
            *place = up.then_some(NOW);
        }
        links.look(
            [(NodeId::of("lb2"), heard)].into_iter(),
            &config(),
            own,
            NOW,
        )
    }

    #[test]
    fn a_link_is_silent_once_it_was_at_two_looks() {
        let mut links = Links::default();
        assert_eq!(look(&mut links, [true, true], 2), [""; 0]);
        assert_eq!(look(&mut links, [true, false], 2), [""; 0]);
        assert_eq!(look(&mut links, [true, true], 2), [""; 0], "it flaps");
        assert_eq!(look(&mut links, [true, false], 2), [""; 0]);
        assert_eq!(
            look(&mut links, [true, false], 2),
            ["link 2 of 2 to lb2, 192.168.77.2:7400, is silent"]
        );
        assert_eq!(look(&mut links, [true, false], 2), [""; 0], "said once");
        look(&mut links, [true, true], 2);
        assert_eq!(
            look(&mut links, [true, true], 2),
            ["link 2 of 2 to lb2, 192.168.77.2:7400, is heard again"]
        );
    }

    #[test]
    fn one_that_never_worked_is_said_and_one_that_there_is_not_is_not() {
        let mut links = Links::default();
        look(&mut links, [false, true], 2);
        assert_eq!(
            look(&mut links, [false, true], 2),
            ["link 1 of 2 to lb2, 10.0.0.12:7400, is silent"]
        );
        let mut links = Links::default();
        for _ in 0..3 {
            assert_eq!(look(&mut links, [true, false], 1), [""; 0]);
        }
    }
}
