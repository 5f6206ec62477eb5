//! Changes one word of the domain file's text and leaves everything else, comments and layout included, as it is.

use toml::Spanned;

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
    let document = toml::de::DeTable::parse(text);
    let document = document.map_err(|error| Unchanged(error.message().to_owned()))?;
    let mut table = document.get_ref();
    for key in ["domain", "servers"] {
        table = inner(table, key).ok_or_else(lost)?;
    }
    let server = table.iter().find(|(name, _)| name.get_ref() == node);
    let (name, server) = server.ok_or_else(lost)?;
    let members = server.get_ref().as_table().ok_or_else(lost)?;
    let given = members
        .iter()
        .find(|(key, _)| key.get_ref() == "maintenance");
    if let Some((_, value)) = given {
        let span = value.span();
        return Ok(format!("{}{on}{}", &text[..span.start], &text[span.end..]));
    }
    if !on {
        return Ok(text.to_owned());
    }
    insert(text, name, server).ok_or_else(|| {
        Unchanged(format!(
            "write maintenance = {on} into domain.servers.{node} yourself: it is written in a way that is not edited \
             here"
        ))
    })
}

fn inner<'a, 'i>(table: &'a toml::de::DeTable<'i>, key: &str) -> Option<&'a toml::de::DeTable<'i>> {
    let (_, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    value.get_ref().as_table()
}

/// Where nothing was said: a line behind the header, or a first member of an inline table.
fn insert(
    text: &str,
    name: &Spanned<std::borrow::Cow<'_, str>>,
    server: &Spanned<toml::de::DeValue<'_>>,
) -> Option<String> {
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
    use toml::de::DeTable;

    use super::*;

    const FILE: &str = "# shop\nout1 = 'a'   # first\n[domain]\nname = 'shop'\n\n\
                        [domain.servers.lb1]  # left\naddresses = '10.0.0.1'\n\
                        [domain.servers.lb2]\naddresses = '10.0.0.2'\nmaintenance = false # for now\n";

    fn reads(text: &str, node: &str) -> Option<bool> {
        let document = toml::de::DeTable::parse(text).unwrap();
        let mut table = document.get_ref();
        for key in ["domain", "servers", node] {
            table = inner(table, key)?;
        }
        let given = table.iter().find(|(key, _)| key.get_ref() == "maintenance");
        given?.1.get_ref().as_bool()
    }

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
            assert_eq!(reads(&changed, "lb1"), Some(true), "{text} → {changed}");
        }
        let dotted = "[domain]\nservers.lb1.addresses = 'a'\n";
        assert!(
            maintenance(dotted, "lb1", true)
                .unwrap_err()
                .0
                .contains("yourself")
        );
        assert!(maintenance("= 1", "lb1", true).is_err());
    }
}
