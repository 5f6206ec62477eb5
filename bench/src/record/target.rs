//! What HALB promises, beside what was measured.

use serde::Deserialize;
use serde::Serialize;

/// How a target came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What HALB is here for.
    Aim,
    /// What an honest build must show.
    Gate,
    Missed,
    /// This run had no figure for it, or none that is worth anything.
    Unknown,
}

/// One promise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// "CPU per request, 64 connections, of HAProxy's".
    pub name: String,
    /// "≤ 0.6 ×".
    pub gate: String,
    pub aim: Option<String>,
    /// The figures it is judged by, in words, both counts of CPU where it is CPU: "0.57 × process, 0.66 × machine".
    pub found: String,
    pub verdict: Verdict,
}
