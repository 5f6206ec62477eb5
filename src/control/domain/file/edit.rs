//! Changes one word of the domain file's text and leaves everything else, comments and layout included, as it is.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

/// Why it cannot be changed: a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unchanged(pub String);

/// The text with `domain.servers.NODE.maintenance` set.
pub fn maintenance(text: &str, node: &str, on: bool) -> Result<String, Unchanged> {
    let lost = || {
        Unchanged(format!(
            "domain.servers.{node} is not found in the domain file"
        ))
    };
    let document = DeTable::parse(text);
    let document = document.map_err(|error| Unchanged(error.message().to_owned()))?;
    let (name, server) = server(document.get_ref(), node).ok_or_else(lost)?;
    let members = server.get_ref().as_table().ok_or_else(lost)?;
    let edited = match (given(members), on) {
        (Some(value), _) => {
            let span = value.span();
            Some(format!("{}{on}{}", &text[..span.start], &text[span.end..]))
        }
        (None, false) => Some(text.to_owned()),
        (None, true) => insert(text, name, server),
    };
    // There are more ways to write a table than anybody thinks of.
    let edited = edited.filter(|edited| reads(edited, node) == on);
    edited.ok_or_else(|| {
        Unchanged(format!(
            "write maintenance = {on} into domain.servers.{node} yourself: it is written in a way that is not edited \
             here"
        ))
    })
}

/// What a text says.
fn reads(text: &str, node: &str) -> bool {
    let said = || {
        let document = DeTable::parse(text).ok()?;
        let (_, server) = server(document.get_ref(), node)?;
        given(server.get_ref().as_table()?)?.get_ref().as_bool()
    };
    said().unwrap_or(false)
}

type Name<'i> = Spanned<Cow<'i, str>>;
type Place<'i> = Spanned<DeValue<'i>>;

fn server<'a, 'i>(document: &'a DeTable<'i>, node: &str) -> Option<(&'a Name<'i>, &'a Place<'i>)> {
    let servers = inner(inner(document, "domain")?, "servers")?;
    servers.iter().find(|(name, _)| name.get_ref() == node)
}

fn given<'a, 'i>(server: &'a DeTable<'i>) -> Option<&'a Place<'i>> {
    let mut members = server.iter();
    let found = members.find(|(key, _)| key.get_ref() == "maintenance");
    found.map(|(_, value)| value)
}

fn inner<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    let (_, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    value.get_ref().as_table()
}

/// Where nothing was said: a line behind the header, or a first member of an inline table.
fn insert(text: &str, name: &Name<'_>, server: &Place<'_>) -> Option<String> {
    let header_end = name.span().end;
    let at = server.span().start;
    if text[at..].starts_with('{') {
        let rest = &text[at + 1..];
        let comma = if rest.trim_start().starts_with('}') {
            ""
        } else {
            ","
        };
        return Some(format!("{} maintenance = true{comma}{rest}", &text[..=at]));
    }
    let line_start = text[..header_end].rfind('\n').map_or(0, |end| end + 1);
    if !text[line_start..].trim_start().starts_with('[') {
        return None;
    }
    let line_end = text[header_end..].find('\n');
    let (head, tail) = match line_end {
        Some(length) => text.split_at(header_end + length + 1),
        None => (text, ""),
    };
    let end = if head.ends_with('\n') { "" } else { "\n" };
    Some(format!("{head}{end}maintenance = true\n{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# shop\nout1 = 'a'   # first\n[domain]\nname = 'shop'\n\n\
                        [domain.servers.lb1]  # left\naddresses = '10.0.0.1'\n\
                        [domain.servers.lb2]\naddresses = '10.0.0.2'\nmaintenance = false # for now\n";

    #[test]
    fn one_word_changes_and_the_rest_stays() {
        let on = maintenance(FILE, "lb2", true).unwrap();
        assert_eq!(on, FILE.replace("= false # for", "= true # for"));
        assert_eq!(maintenance(&on, "lb2", false).unwrap(), FILE);
        let on = maintenance(FILE, "lb1", true).unwrap();
        assert_eq!(on, FILE.replace("# left\n", "# left\nmaintenance = true\n"));
        assert_eq!(maintenance(FILE, "lb1", false).unwrap(), FILE);
    }

    #[test]
    fn every_way_to_write_a_server_is_changed_or_said() {
        let last = FILE.replace("[domain.servers.lb2]", "[domain.servers.lb3]");
        assert!(maintenance(&last, "lb2", true).is_err());
        for text in [
            "[domain.servers]\nlb1 = { addresses = '10.0.0.1' }\n",
            "[domain.servers]\nlb1 = {}\n",
            "[domain]\nservers = { lb1 = { maintenance = false, addresses = 'a' } }\n",
            "[domain.servers.\"lb1\"]",
            "domain = { servers.lb1 = { addresses = 'a' } }",
        ] {
            let changed = maintenance(text, "lb1", true).unwrap();
            assert!(reads(&changed, "lb1"), "{text} → {changed}");
        }
        for text in [
            "[domain]\nservers.lb1.addresses = 'a'\n",
            "[domain.servers.lb1.set]\nui = '10.0.0.1'\n",
            "[domain.servers.lb1.set]\nui = '10.0.0.1'\n[domain.servers.lb1]\naddresses = 'a'\n",
        ] {
            match maintenance(text, "lb1", true) {
                Ok(changed) => assert!(reads(&changed, "lb1"), "{text} → {changed}"),
                Err(Unchanged(why)) => assert!(why.contains("yourself"), "{why}"),
            }
        }
        let windows = "[domain.servers.lb1]\r\naddresses = 'a'\r\n";
        assert!(reads(&maintenance(windows, "lb1", true).unwrap(), "lb1"));
        assert!(maintenance("= 1", "lb1", true).is_err());
    }
}
