//! Values as they were written, each with its origin: the file's TOML, or a word from elsewhere.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::model::load::finding::Findings;
use crate::model::load::finding::Origin;
use crate::model::load::finding::Place;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Located {
    pub value: Value,
    pub origin: Origin,
}

/// What was written.
#[derive(Clone, Debug)]
pub enum Value {
    /// From the environment or the command line: each kind reads it in its own way.
    Word(String),
    Text(String),
    /// Held at the ends of `i128` when it is beyond them; every range ends long before.
    Integer(i128),
    Float(f64),
    Flag(bool),
    Time,
    List(Vec<Located>),
    Table(Vec<Entry>),
}

/// One key of a table.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub origin: Origin,
    pub item: Located,
}

impl Value {
    /// What it is, to stand after "not".
    pub fn noun(&self) -> &'static str {
        match self {
            Value::Word(_) | Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a decimal number",
            Value::Flag(_) => "a truth value",
            Value::Time => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// The value itself where it is short, else what it is.
    pub fn shown(&self) -> String {
        match self {
            Value::Word(text) | Value::Text(text) => format!("{text:?}"),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::Time | Value::List(_) | Value::Table(_) => self.noun().to_owned(),
        }
    }

    /// Words and strings.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Word(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn integer(&self) -> Option<i128> {
        match self {
            Value::Integer(number) => Some(*number),
            Value::Word(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(*number),
            Value::Word(text) => text.trim().parse().ok(),
            Value::Integer(number) => Some(*number as f64),
            _ => None,
        }
    }

    pub fn flag(&self) -> Option<bool> {
        match self {
            Value::Flag(flag) => Some(*flag),
            Value::Word(text) => match text.trim() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The file as a table, whose syntax mistakes are among `findings`; what could be read around
/// them is there.
pub fn document(file: &str, bytes: &[u8], findings: &mut Findings) -> Vec<Entry> {
    let file: Arc<str> = Arc::from(file);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let readable = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let readable = String::from_utf8_lossy(readable);
            let place = Lines::new(&file, &readable).place(readable.len());
            findings.mistake(&Origin::File(place), "the file is not UTF-8 from here on");
            return Vec::new();
        }
    };
    let lines = Lines::new(&file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut line = 0;
    for error in errors {
        let place = lines.place(error.span().map_or(0, |span| span.start));
        // What follows on a line is what the parser makes of the first mistake.
        if place.line != line {
            line = place.line;
            findings.mistake(&Origin::File(place), error.message());
        }
    }
    table_entries(table.get_ref(), &lines)
}

/// An inline table given as a word, `{ address = "host", weight = 2 }`.
pub fn inline(text: &str, origin: &Origin) -> Result<Value, String> {
    let parsed = DeValue::parse(text).map_err(|error| error.message().to_owned())?;
    let mut located = value_of(parsed.get_ref(), &|_| origin.clone());
    located.origin = origin.clone();
    Ok(located.value)
}

fn table_entries(table: &DeTable<'_>, lines: &Lines<'_>) -> Vec<Entry> {
    entries_of(table, &|span| Origin::File(lines.place(span.start)))
}

fn entries_of(table: &DeTable<'_>, origin: &dyn Fn(Range<usize>) -> Origin) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| {
            let mut item = value_of(value.get_ref(), origin);
            item.origin = origin(Spanned::span(value));
            let place = origin(Spanned::span(key));
            if matches!(item.value, Value::Table(_)) {
                // The parser gives a table the place of its last header or of its brace.
                item.origin = place.clone();
            }
            Entry {
                key: key.get_ref().to_string(),
                origin: place,
                item,
            }
        })
        .collect();
    entries.sort_by(|one, other| one.origin.cmp(&other.origin));
    entries
}

fn value_of(value: &DeValue<'_>, origin: &dyn Fn(Range<usize>) -> Origin) -> Located {
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => {
            let digits = integer.as_str();
            let end = if digits.starts_with('-') {
                i128::MIN
            } else {
                i128::MAX
            };
            Value::Integer(i128::from_str_radix(digits, integer.radix()).unwrap_or(end))
        }
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Time,
        DeValue::Array(items) => {
            let located = |item: &Spanned<DeValue<'_>>| Located {
                origin: origin(item.span()),
                ..value_of(item.get_ref(), origin)
            };
            Value::List(items.iter().map(located).collect())
        }
        DeValue::Table(table) => Value::Table(entries_of(table, origin)),
    };
    Located {
        value,
        origin: Origin::Default,
    }
}

/// Turns offsets into lines and columns.
struct Lines<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    /// Offsets at which lines begin.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(file: &'a Arc<str>, text: &'a str) -> Lines<'a> {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(after.map(|(offset, _)| offset + 1))
            .collect();
        Lines { file, text, starts }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        // A byte order mark is no character of the line.
        let column = before
            .chars()
            .filter(|letter| *letter != '\u{feff}')
            .count()
            + 1;
        Place {
            file: Arc::clone(self.file),
            line: line.max(1),
            column,
        }
    }
}
