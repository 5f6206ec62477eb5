//! What must not spread by accident: a file that an editor has not finished, and one by which this server would do
//! harm to itself.

use crate::model::config::Config;

/// What is to become of a text that somebody has put into the domain file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is proposed to all servers.
    Propose,
    /// It waits for `halb domain apply --yes`: why, each a sentence.
    Ask(Vec<String>),
}

/// Whether a text may be half of one, before it is read as a configuration.
pub fn unfinished(text: &[u8]) -> Option<String> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Some("the domain file is empty: waiting for whoever writes it".to_owned());
    }
    None
}

/// Whether a configuration would harm the server `me` that it is for. One that connects no output is no configuration at
/// all, and does not come so far. `before` is in force.
pub fn examine(me: &str, before: (&[u8], &Config), next: (&[u8], &Config)) -> Verdict {
    let mut reasons = Vec::new();
    if next.0.len() < before.0.len() && before.0.starts_with(next.0) {
        reasons.push("it is the beginning of what is in force: the rest may be missing".to_owned());
    }
    let name = |config: &Config| config.domain.as_ref().map(|domain| domain.name.clone());
    match (name(before.1), &next.1.domain) {
        (_, None) => reasons.push("it has no [domain]".to_owned()),
        (Some(was), Some(domain)) if was != domain.name => {
            reasons.push(format!("it renames the domain: {was} → {}", domain.name));
        }
        _ => {}
    }
    if let Some(domain) = &next.1.domain
        && !domain.servers.contains_key(me)
    {
        reasons.push(format!(
            "it has no [domain.servers.{me}]: that is this server"
        ));
    }
    match reasons.is_empty() {
        true => Verdict::Propose,
        false => Verdict::Ask(reasons),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::shared::tests::current_of;

    const DOMAIN: &str = "[domain]\nname = 'shop'\nmain = 'lb1'\nbackup = 'lb2'\nkey_file = '/k'\n\
                          [domain.servers.lb1]\naddresses = '10.0.0.1'\n\
                          [domain.servers.lb2]\naddresses = '10.0.0.2'\n";

    fn verdict(before: &str, next: &str) -> Verdict {
        let config = |text: &str| current_of(text).config;
        let (was, is) = (config(before), config(next));
        examine("lb1", (before.as_bytes(), &was), (next.as_bytes(), &is))
    }

    #[test]
    fn what_harms_waits_for_a_word() {
        let before = format!("out1 = 'a'\n{DOMAIN}# end\n");
        let asks = |next: &str, part: &str| match verdict(&before, next) {
            Verdict::Ask(reasons) => assert!(reasons.join("; ").contains(part), "{reasons:?}"),
            other => panic!("{next}: {other:?}"),
        };
        asks("out1 = 'a'\n", "no [domain]");
        asks(&before.replace("shop", "store"), "shop → store");
        asks(
            before.trim_end_matches("# end\n"),
            "the beginning of what is in force",
        );
        let moved = before
            .replace("servers.lb1", "servers.lb3")
            .replace("main = 'lb1'", "main = 'lb3'");
        asks(&moved, "[domain.servers.lb1]");
        for fine in [
            &before.replace("'a'", "'b'"),
            &before.replace("# end\n", "# at the end\n"),
        ] {
            assert_eq!(verdict(&before, fine), Verdict::Propose);
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
