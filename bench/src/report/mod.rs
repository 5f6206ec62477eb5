//! What a person sees of a record.
//!
//! - [`tables`] says what is in each table, once for every way it is shown; [`words`] what is said around them.
//! - [`text`] sets the tables for a terminal.

#[cfg(test)]
mod fixture;
mod tables;
pub mod text;
pub mod words;
