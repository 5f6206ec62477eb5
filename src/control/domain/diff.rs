//! What one server's domain file says otherwise than another's, line by line, without the secrets in it.

use toml::de::DeTable;
use toml::de::DeValue;

use crate::model::property::PROPERTIES;

/// Stands where a secret stood.
const HIDDEN: &str = "\"…\"";
/// Beyond this many pairs of lines that differ they are shown one block after the other.
const PAIRS_MAX: usize = 4 << 20;

/// The text with every secret hidden; `None`: it is not TOML, so that nobody knows where they are.
pub fn hide(text: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let mut spans = Vec::new();
    collect(document.get_ref(), &mut spans);
    spans.sort_unstable_by_key(|span| span.start);
    let mut hidden = String::new();
    let mut from = 0;
    for span in spans {
        hidden.push_str(&text[from..span.start]);
        hidden.push_str(HIDDEN);
        from = span.end;
    }
    hidden.push_str(&text[from..]);
    Some(hidden)
}

/// The lines that differ: ` ` in both around them, `-` only in `ours`, `+` only in `theirs`.
pub fn lines(ours: &str, theirs: &str) -> Vec<String> {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    let start = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let (ours, theirs) = (&ours[start..], &theirs[start..]);
    let ends = ours.iter().rev().zip(theirs.iter().rev());
    let end = ends.take_while(|(a, b)| a == b).count();
    let (ours, theirs) = (&ours[..ours.len() - end], &theirs[..theirs.len() - end]);
    if ours.is_empty() && theirs.is_empty() {
        return Vec::new();
    }
    let mut shown = vec![format!("@ line {}", start + 1)];
    shown.extend(changed(ours, theirs));
    shown
}

fn changed(ours: &[&str], theirs: &[&str]) -> Vec<String> {
    let minus = |line: &&str| format!("-{line}");
    let plus = |line: &&str| format!("+{line}");
    if ours.len().saturating_mul(theirs.len()) > PAIRS_MAX {
        return ours
            .iter()
            .map(minus)
            .chain(theirs.iter().map(plus))
            .collect();
    }
    let width = theirs.len() + 1;
    // How many lines both have from here on.
    let mut common = vec![0_u32; (ours.len() + 1) * width];
    for i in (0..ours.len()).rev() {
        for j in (0..theirs.len()).rev() {
            common[i * width + j] = match ours[i] == theirs[j] {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut shown = Vec::new();
    while i < ours.len() || j < theirs.len() {
        let (left, right) = (ours.get(i), theirs.get(j));
        if left.is_some() && left == right {
            shown.extend(left.map(|line| format!(" {line}")));
            (i, j) = (i + 1, j + 1);
        } else if left.is_some()
            && (right.is_none() || common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            shown.extend(left.map(minus));
            i += 1;
        } else {
            shown.extend(right.map(plus));
            j += 1;
        }
    }
    shown
}

fn collect(table: &DeTable<'_>, spans: &mut Vec<std::ops::Range<usize>>) {
    for (key, value) in table {
        let is_secret = |name: &str| {
            let mut rows = PROPERTIES.iter().filter(|property| property.secret);
            rows.any(|property| property.name == name || property.alias == Some(name))
        };
        match value.get_ref() {
            _ if is_secret(key.get_ref()) => spans.push(value.span()),
            DeValue::Table(inner) => collect(inner, spans),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let text = "password = 'a' # why\nctl_token = \"\"\"b\nc\"\"\"\nout1 = 'x'\n[domain.servers.lb1]\n\
                    set = { ctl_token = 'd', workers = 2 }\n";
        let hidden = hide(text).unwrap();
        let expected = "password = \"…\" # why\nctl_token = \"…\"\nout1 = 'x'\n[domain.servers.lb1]\n\
                        set = { ctl_token = \"…\", workers = 2 }\n";
        assert_eq!(hidden, expected);
        assert_eq!(hide("password = 'a"), None);
    }

    #[test]
    fn lines_that_differ_are_shown() {
        assert!(lines("a\nb\n", "a\nb\n").is_empty());
        let shown = lines("a\nb\nc\nd\n", "a\nB\nc\nC\nd\n");
        assert_eq!(shown, ["@ line 2", "-b", "+B", " c", "+C"]);
        assert_eq!(lines("", "x\n"), ["@ line 1", "+x"]);
        assert_eq!(lines("x\ny\n", "y\n"), ["@ line 1", "-x"]);
    }
}
