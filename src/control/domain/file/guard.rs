//! What must not spread by accident: a file that an editor has not finished, and one by which a server would do harm to
//! itself or to the service.

use crate::model::config::Config;
use crate::model::config::Domain;
use crate::pair::advert::Advert;
use crate::pair::node::NodeId;
use crate::pair::state::State;
use crate::standby::handle::Standing;

/// Whether a text may be half of one, before it is read as a configuration.
pub fn unfinished(text: &[u8]) -> Option<String> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Some("the domain file is empty: waiting for whoever writes it".to_owned());
    }
    None
}

/// Whether a configuration can be that of the server `me`: no word of an operator lets a server go by a file that says
/// nothing of it. The others would not count on it any more, and it might hold the addresses.
pub fn is_for(me: &str, config: &Config) -> Result<(), String> {
    match &config.domain {
        Some(domain) if domain.node.as_deref() != Some(me) => Err(format!(
            "it has no [domain.servers.{me}], and HALB runs there: stop it first, and then take it out on another server"
        )),
        _ => Ok(()),
    }
}

/// Why a configuration waits for `halb domain apply --yes`, each a sentence. One that connects no output is no
/// configuration at all, and does not come so far. `before` is in force.
pub fn harm(before: (&[u8], &Config), next: (&[u8], &Config)) -> Vec<String> {
    let mut reasons = Vec::new();
    if next.0.len() < before.0.len() && before.0.starts_with(next.0) {
        reasons.push("it is the beginning of what is in force: the rest may be missing".to_owned());
    }
    let name = |config: &Config| config.domain.as_ref().map(|domain| domain.name.clone());
    match (name(before.1), name(next.1)) {
        (_, None) => reasons.push("it has no [domain]".to_owned()),
        (Some(was), Some(is)) if was != is => {
            reasons.push(format!("it renames the domain: {was} → {is}"));
        }
        _ => {}
    }
    reasons
}

/// Whether a change would end the service: it waits as well, or is forced.
pub fn loss(standing: Option<&Standing>, before: &Config, next: &Config) -> Option<String> {
    let (before, next) = (before.domain.as_ref()?, next.domain.as_ref()?);
    let out = resting(next);
    let new = out.iter().filter(|name| !resting(before).contains(*name));
    let lost = new.copied().find(|name| is_needed(standing, name, &out))?;
    Some(format!(
        "it puts {lost} into maintenance, which is active, and no standby is ready to take over"
    ))
}

/// Whether the service would be lost without the server `name`, when those that are `out` cannot take over.
pub fn is_needed(standing: Option<&Standing>, name: &str, out: &[&str]) -> bool {
    let Some(standing) = standing else {
        return true;
    };
    let node = NodeId::of(name);
    let peers = standing.peers.iter().flatten().filter(|peer| peer.alive);
    let all = || {
        peers
            .clone()
            .map(|peer| &peer.advert)
            .chain([&standing.own])
    };
    let is_out = |node: NodeId| out.iter().any(|name| NodeId::of(name) == node);
    let can_follow = |one: &Advert| {
        one.from != node && one.state == State::Standby && one.ready && !is_out(one.from)
    };
    let is_active = |one: &Advert| one.from == node && one.state == State::Active;
    all().any(is_active) && !all().any(can_follow)
}

/// The servers in maintenance.
fn resting(domain: &Domain) -> Vec<&str> {
    let servers = domain.servers.iter();
    let resting = servers.filter(|(_, server)| server.maintenance);
    resting.map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::shared::tests::current_of;
    use crate::model::load::sample::load_text;
    use crate::pair::LINKS_MAX;
    use crate::pair::SERVERS_MAX;
    use crate::standby::handle::Peer;

    const DOMAIN: &str = "[domain]\nname = 'shop'\nmain = 'lb1'\nbackup = 'lb2'\nkey_file = '/k'\n\
                          [domain.servers.lb1]\naddresses = '10.0.0.1'\n\
                          [domain.servers.lb2]\naddresses = '10.0.0.2'\n";

    fn config(text: &str) -> Config {
        (*current_of(text).config).clone()
    }

    #[test]
    fn what_harms_waits_for_a_word() {
        let before = format!("out1 = 'a'\n{DOMAIN}# end\n");
        let harm = |next: &str| {
            let (was, is) = (config(&before), config(next));
            harm((before.as_bytes(), &was), (next.as_bytes(), &is)).join("; ")
        };
        for (next, part) in [
            ("out1 = 'a'\n".to_owned(), "no [domain]"),
            (before.replace("shop", "store"), "shop → store"),
            (
                before.replace("# end\n", ""),
                "the beginning of what is in force",
            ),
        ] {
            assert!(harm(&next).contains(part), "{next}: {}", harm(&next));
        }
        for fine in [
            &before.replace("'a'", "'b'"),
            &before.replace("# end\n", "# at the end\n"),
        ] {
            assert_eq!(harm(fine), "");
        }
    }

    #[test]
    fn nobody_goes_by_a_file_that_says_nothing_of_it() {
        let mut config = load_text(&format!("out1 = 'a'\n{DOMAIN}"), b"")
            .unwrap()
            .config;
        let named = |config: &mut Config, node: Option<&str>| {
            let domain = config.domain.as_mut().unwrap();
            domain.node = node.map(str::to_owned);
        };
        named(&mut config, Some("lb1"));
        assert_eq!(is_for("lb1", &config), Ok(()));
        for other in [Some("lb2"), None] {
            named(&mut config, other);
            let sentence = is_for("lb1", &config).unwrap_err();
            assert!(sentence.contains("no [domain.servers.lb1]"), "{sentence}");
        }
        config.domain = None;
        assert_eq!(is_for("lb1", &config), Ok(()), "that is asked for");
    }

    #[test]
    fn maintenance_that_ends_the_service_waits_for_a_word() {
        let (before, active, standby) = (
            config(&format!("out1 = 'a'\n{DOMAIN}")),
            config(&format!("out1 = 'a'\n{}", with_maintenance("10.0.0.1"))),
            config(&format!("out1 = 'a'\n{}", with_maintenance("10.0.0.2"))),
        );
        let both = with_maintenance("10.0.0.1")
            .replace("'10.0.0.2'\n", "'10.0.0.2'\nmaintenance = true\n");
        let both = config(&format!("out1 = 'a'\n{both}"));
        let is_lost = |ready: bool, next: &Config| loss(Some(&standing(ready)), &before, next);
        assert_eq!(is_lost(true, &active), None);
        assert_eq!(is_lost(false, &standby), None);
        assert_eq!(is_lost(false, &before), None);
        assert!(is_lost(true, &both).is_some(), "who is ready rests as well");
        let sentence = is_lost(false, &active).unwrap();
        assert!(
            sentence.starts_with("it puts lb1 into maintenance"),
            "{sentence}"
        );
        assert_eq!(
            loss(Some(&standing(false)), &active, &active),
            None,
            "it was so"
        );
        assert!(loss(None, &before, &active).is_some(), "nobody knows");
    }

    fn with_maintenance(address: &str) -> String {
        let line = format!("addresses = '{address}'\n");
        DOMAIN.replace(&line, &format!("{line}maintenance = true\n"))
    }

    /// lb1 is active, lb2 is standby.
    fn standing(ready: bool) -> Standing {
        let advert = |name, state| Advert {
            from: NodeId::of(name),
            state,
            ..Advert::default()
        };
        let mut peers = [None; SERVERS_MAX];
        peers[0] = Some(Peer {
            advert: Advert {
                ready,
                ..advert("lb2", State::Standby)
            },
            heard: [None; LINKS_MAX],
            alive: true,
        });
        Standing {
            own: advert("lb1", State::Active),
            peers,
            holds_since: None,
        }
    }

    #[test]
    fn an_empty_file_is_an_unfinished_one() {
        for text in ["", "\n \t\r\n"] {
            assert!(unfinished(text.as_bytes()).is_some());
        }
        assert!(unfinished(b"#").is_none());
    }
}
