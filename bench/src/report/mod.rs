//! What a person sees of a record: text for the terminal, and one page of HTML.
//!
//! - [`tables`] says what is in each table, once for both; [`words`] what is said around them.
//! - [`text`] sets the tables for a terminal.
//! - [`figures`] picks what is plotted out of a record and draws it; [`html`] makes the page of both.
//! - [`file`] reads records from files.

mod figures;
mod file;
#[cfg(test)]
mod fixture;
pub mod html;
mod tables;
pub mod text;
pub mod words;

use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use crate::record::Record;
use crate::trouble::Trouble;
use crate::trouble::While;

#[derive(Args)]
pub struct ReportOptions {
    /// Records, as `compare` and `verify` write them; shown one after the other.
    #[arg(required = true, value_name = "FILE")]
    records: Vec<PathBuf>,
    /// The page.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
}

/// Writes the files that were asked for: the record itself, and a page of it.
pub fn write(record: &Record, json: Option<&Path>, html: Option<&Path>) -> Result<(), Trouble> {
    if let Some(path) = json {
        let text = serde_json::to_vec_pretty(record).during("writing the report")?;
        std::fs::write(path, text).during("writing the report")?;
    }
    if let Some(path) = html {
        let page = self::html::render(std::slice::from_ref(record))?;
        std::fs::write(path, page).during("writing the page")?;
    }
    Ok(())
}

/// Makes one page of the records.
pub fn run(options: &ReportOptions) -> Result<bool, Trouble> {
    let records = options.records.iter().map(|path| file::read(path));
    let records = records.collect::<Result<Vec<Record>, Trouble>>()?;
    let page = html::render(&records)?;
    std::fs::write(&options.out, page).during(&format!("writing {}", options.out.display()))?;
    eprintln!("{} is written", options.out.display());
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_one_page_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let paths =
            ["verify.json", "broken.json", "page.html"].map(|name| folder.path().join(name));
        let [verify, broken, out] = paths;
        let record = Record::Verify(fixture::verification());
        std::fs::write(&verify, serde_json::to_vec(&record).unwrap()).unwrap();
        std::fs::write(&broken, "{").unwrap();

        let records = vec![verify.clone(), broken];
        let out_of = |records| ReportOptions {
            records,
            out: out.clone(),
        };
        let refused = run(&out_of(records)).err().unwrap().to_string();
        assert!(refused.contains("broken.json"), "{refused}");
        assert!(!out.exists());

        assert!(run(&out_of(vec![verify.clone(), verify])).unwrap());
        let page = std::fs::read_to_string(&out).unwrap();
        assert_eq!(page.matches("<article ").count(), 2);
    }
}
