//! A record out of a file.

use std::path::Path;

use serde::Deserialize;

use crate::record::FORM;
use crate::record::Record;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What every form of a record has, whatever else changes.
#[derive(Deserialize)]
struct Envelope {
    verb: String,
    form: u32,
}

/// Reads one; what is no record, or one of another form, is refused in a sentence that names the file.
pub fn read(path: &Path) -> Result<Record, Trouble> {
    let text = std::fs::read(path).during(&format!("reading {}", path.display()))?;
    parse(&text).map_err(|why| Trouble::new(format!("{}: {why}", path.display())))
}

fn parse(text: &[u8]) -> Result<Record, String> {
    let envelope: Envelope = serde_json::from_slice(text)
        .map_err(|error| format!("not a record of `halb-bench compare` or `verify` ({error})"))?;
    if envelope.form != FORM {
        let form = envelope.form;
        return Err(format!(
            "a record of form {form}; this halb-bench reads form {FORM}"
        ));
    }
    let verb = envelope.verb;
    serde_json::from_slice(text).map_err(|error| format!("a damaged record of `{verb}` ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn what_is_written_is_read_again() {
        for record in [
            Record::Compare(fixture::comparison()),
            Record::Verify(fixture::verification()),
        ] {
            let text = serde_json::to_vec_pretty(&record).unwrap();
            let again = serde_json::to_vec_pretty(&parse(&text).unwrap()).unwrap();
            assert!(text == again);
        }
    }

    #[test]
    fn what_is_no_record_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.json");
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let trouble = read(&path).err().map(|trouble| trouble.to_string());
            trouble
                .unwrap()
                .replace(&path.display().to_string(), "FILE")
        };
        let no_record = "FILE: not a record of `halb-bench compare` or `verify` (";
        assert!(refused("").starts_with(no_record));
        assert!(refused("[1, 2]").starts_with(no_record));
        assert!(refused(r#"{"form": 1}"#).starts_with(no_record));
        assert_eq!(
            refused(r#"{"verb": "compare", "form": 99}"#),
            "FILE: a record of form 99; this halb-bench reads form 1"
        );
        let damaged = refused(r#"{"verb": "compare", "form": 1}"#);
        assert!(damaged.starts_with("FILE: a damaged record of `compare` ("));
        let missing = read(&folder.path().join("none.json")).err().unwrap();
        assert!(missing.to_string().contains("none.json"));
    }
}
