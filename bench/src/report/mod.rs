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

/// Makes one page of the records.
pub fn run(options: &ReportOptions) -> Result<bool, Trouble> {
    let records = options.records.iter().map(|path| file::read(path));
    let records = records.collect::<Result<Vec<Record>, Trouble>>()?;
    let page = html::render(&records)?;
    std::fs::write(&options.out, page).during(&format!("writing {}", options.out.display()))?;
    eprintln!("{} is written", options.out.display());
    Ok(true)
}
