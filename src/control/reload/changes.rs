//! What one configuration says otherwise than another, in plain words.

use std::collections::BTreeSet;

use crate::model::config::Config;
use crate::model::config::Output;
use crate::model::load::show;
use crate::model::output::OutputId;
use crate::model::property::Fallback;
use crate::model::property::Kind;
use crate::model::property::PROPERTIES;
use crate::model::property::Property;
use crate::model::property::carry::carry;

/// The table of the domain: what it says is the same on all servers.
const DOMAIN: &str = "domain";

/// What `next` says otherwise than `before`: `client_timeout 60 → 30`.
pub fn changes(before: &Config, next: &Config) -> Vec<String> {
    let mut both = (before.clone(), next.clone());
    let mut texts = Vec::new();
    for property in PROPERTIES {
        if property.is_outputs() {
            outputs(before, next, &mut texts);
        } else if let Some(text) = difference(property, &mut both) {
            texts.push(text);
        }
    }
    match (&before.domain, &next.domain) {
        (None, Some(_)) => texts.push("domain added".to_owned()),
        (Some(_), None) => texts.push("domain removed".to_owned()),
        (Some(before), Some(next)) if before.servers != next.servers => {
            texts.push("domain.servers changed".to_owned());
        }
        _ => {}
    }
    texts
}

/// Gives back to `next` the values of `before` that only a restart can change. What it said otherwise.
pub fn hold_back(before: &Config, next: &mut Config) -> Vec<String> {
    let mut both = (before.clone(), next.clone());
    let mut texts = Vec::new();
    for property in PROPERTIES.iter().filter(|property| property.restart) {
        if let Some(text) = difference(property, &mut both) {
            texts.push(text);
            carry(&property.kind, &mut both.0, next);
        }
    }
    match (&before.domain, &next.domain) {
        (None, Some(_)) => texts.push("domain added".to_owned()),
        (Some(_), None) => texts.push("domain removed".to_owned()),
        _ => return texts,
    }
    next.domain.clone_from(&before.domain);
    texts
}

fn difference(property: &Property<Config>, both: &mut (Config, Config)) -> Option<String> {
    let (before, next) = both;
    let in_domain = property.section() == Some(DOMAIN);
    if in_domain && (before.domain.is_none() || next.domain.is_none()) {
        return None; // to look at a value there would make a domain
    }
    let name = property.name;
    if let Kind::ErrorFiles { field } = property.kind
        && field(before) != field(next)
        && shown(property, before) == shown(property, next)
    {
        return Some(format!("{name}: what is in the files"));
    }
    let (was, is) = (shown(property, before), shown(property, next));
    match was == is {
        true => None,
        false if property.secret => Some(format!("{name} changed")),
        false => Some(format!("{name} {was} → {is}")),
    }
}

fn shown(property: &Property<Config>, config: &mut Config) -> String {
    match (
        show::show(&property.kind, config, property.name),
        property.fallback,
    ) {
        (Some(text), _) => plain(&text).to_owned(),
        (None, Fallback::Described(sentence)) => format!("({sentence})"),
        (None, _) => "(none)".to_owned(),
    }
}

/// Without the quotes where they tell nothing.
fn plain(text: &str) -> &str {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let is_plain = |inner: &&str| !inner.is_empty() && !inner.contains(['"', '\\', ' ']);
    inner.filter(is_plain).unwrap_or(text)
}

fn outputs(before: &Config, next: &Config, texts: &mut Vec<String>) {
    let ids: BTreeSet<&OutputId> = before.out.keys().chain(next.out.keys()).collect();
    for id in ids {
        match (before.out.get(id), next.out.get(id)) {
            (None, Some(added)) => texts.push(format!("{id} added ({})", added.address)),
            (Some(_), None) => texts.push(format!("{id} removed")),
            (Some(was), Some(is)) => output(*id, was, is, texts),
            (None, None) => {}
        }
    }
}

fn output(id: OutputId, was: &Output, is: &Output, texts: &mut Vec<String>) {
    if was.address != is.address {
        texts.push(format!("{id} now {}", is.address));
    }
    if was.weight != is.weight {
        texts.push(format!("{id} weight {} → {}", was.weight, is.weight));
    }
    let (had, has) = (was.max_connections, is.max_connections);
    if had != has {
        texts.push(format!("{id} max_connections {had} → {has}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::shared::tests::current_of;

    fn config(text: &str) -> Config {
        (*current_of(text).config).clone()
    }

    #[test]
    fn what_changed_is_said_in_plain_words() {
        let before = config(
            "out1 = '10.0.0.1'\nout2 = '10.0.0.2'\nout5 = '10.0.0.5'\npassword = 'old'\nusername = 'eve'\n\
             error_files = { 503 = '/503.html' }",
        );
        let next = config(
            "out1 = { address = '10.0.0.1', weight = 3, max_connections = 9 }\nout3 = 'web:81'\n\
             out5 = '10.0.0.9'\nclient_timeout = 30\ncookie_name = 'SID'\npassword = 'new'\n\
             username = 'eve'\nmode = 'insert'\nctl_allow = '10.0.0.0/8'\n\
             error_files = { 503 = '/503.html', 502 = '/502.html' }",
        );
        let expected = [
            "out1 weight 1 → 3",
            "out1 max_connections 0 → 9",
            "out2 removed",
            "out3 added (web:81)",
            "out5 now 10.0.0.9:80",
            "mode passive → insert",
            "cookie_name \"\" → SID",
            "client_timeout 60 → 30",
            "password changed",
            "ctl_allow (loopback and the resolved addresses of the outputs) → 10.0.0.0/8",
            "error_files { 503 = \"/503.html\" } → { 502 = \"/502.html\", 503 = \"/503.html\" }",
        ];
        assert_eq!(changes(&before, &next), expected);
        assert!(changes(&before, &before).is_empty());
        assert!(before.domain.is_none() && next.domain.is_none());
    }

    #[test]
    fn a_file_that_is_another_under_the_same_path_is_said() {
        let before = config("out1 = 'a'\nerror_files = { 503 = '/503.html' }");
        let mut next = before.clone();
        for file in next.error_files.values_mut() {
            file.page.body = b"sorry"[..].into();
        }
        assert_eq!(
            changes(&before, &next),
            ["error_files: what is in the files"]
        );
    }

    #[test]
    fn what_needs_a_restart_keeps_its_value_and_is_said() {
        let before = config("out1 = 'a'\nworkers = 2");
        let text = "out1 = 'b'\nworkers = 3\nstate_dir = '/other'\n[resources]\ncpu = 0.5\n\
                    memory = '1GB'\nbandwidth = '5Mbps'";
        let mut next = config(text);
        let texts = hold_back(&before, &mut next);
        let expected = [
            "workers 2 → 3",
            "state_dir /var/lib/halb → /other",
            "resources.cpu (what cgroups, affinity or the machine grant) → 0.5",
            "resources.memory (what cgroups or the machine grant) → 1GB",
            "resources.bandwidth (unlimited) → 5Mbps",
        ];
        assert_eq!(texts, expected);
        assert_eq!(changes(&before, &next), ["out1 now b:80"], "the rest stays");
    }

    #[test]
    fn every_property_that_needs_a_restart_is_held_back() {
        let rows = PROPERTIES.iter().filter(|property| property.restart);
        let names: Vec<&str> = rows.map(|property| property.name).collect();
        let held = [
            "workers",
            "state_dir",
            "resources.cpu",
            "resources.memory",
            "resources.bandwidth",
            "domain.name",
            "domain.key_file",
        ];
        assert_eq!(names, held, "the test above names each");
    }
}
