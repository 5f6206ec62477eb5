//! Joins the rooms: command line, start, signals, stop.
#![forbid(unsafe_code)]

pub mod demo;
