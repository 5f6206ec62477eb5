//! One line of `halb-bench verify`.

use serde::Deserialize;
use serde::Serialize;

/// What was wanted, what was found, and how much more there would have been.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// "6,000 requests/s".
    pub name: String,
    /// What HALB was allowed, in words: "0.4 CPU, 96 MB".
    pub allotment: String,
    pub wanted: f64,
    pub found: f64,
    /// Of both.
    pub unit: String,
    /// The most that was reached in this allotment, as a multiple of what was wanted; `None` where nobody looked.
    pub headroom: Option<f64>,
    pub passed: bool,
    /// What else a reader wants to know, a line each: latency, memory, why it failed.
    pub remarks: Vec<String>,
}
