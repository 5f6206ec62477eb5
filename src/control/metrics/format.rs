//! Prometheus' text format, version 0.0.4: families of samples, each with its help and type.

use std::fmt::Display;
use std::fmt::Write;

use crate::control::counters::Kind;
use crate::plane::histogram::Reading;

/// Where the steps of a histogram end that are shown, in microseconds: each is an end of a step that is counted, so
/// that nothing is estimated. From 40 µs, which is a connection on a fast network, to 21 s.
const BOUNDS_MICROS: [u64; 17] = [
    40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920, 163_840, 327_680,
    1_310_720, 5_242_880, 20_971_520,
];

/// The text, as far as it is written.
#[derive(Default)]
pub struct Text(String);

/// One family; its head is written with its first sample.
pub struct Family<'t> {
    text: &'t mut String,
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    begun: bool,
}

/// Names and values of labels.
pub type Labels<'l> = &'l [(&'static str, &'l str)];

impl Text {
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, Kind::Gauge.word(), help)
    }

    pub fn counter(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, Kind::Counter.word(), help)
    }

    pub fn histogram(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    pub fn finish(self) -> String {
        self.0
    }

    fn family(&mut self, name: &'static str, kind: &'static str, help: &'static str) -> Family<'_> {
        Family {
            text: &mut self.0,
            name,
            kind,
            help,
            begun: false,
        }
    }
}

impl Family<'_> {
    pub fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        self.begin();
        self.line("", labels, None, value);
    }

    /// When there is a value.
    pub fn maybe(&mut self, labels: Labels<'_>, value: Option<impl Display>) {
        if let Some(value) = value {
            self.sample(labels, value);
        }
    }

    /// One of several states: 1 for the one that is, 0 for all others.
    pub fn state(&mut self, labels: Labels<'_>, label: &'static str, all: &[&str], is: &str) {
        for state in all {
            let mut labels = labels.to_vec();
            labels.push((label, state));
            self.sample(&labels, u8::from(*state == is));
        }
    }

    /// A histogram of seconds.
    pub fn reading(&mut self, labels: Labels<'_>, reading: &Reading) {
        self.begin();
        for bound in BOUNDS_MICROS {
            let upper = seconds(bound).to_string();
            self.line("_bucket", labels, Some(&upper), reading.count_up_to(bound));
        }
        self.line("_bucket", labels, Some("+Inf"), reading.count());
        self.line("_sum", labels, None, seconds(reading.sum_micros));
        self.line("_count", labels, None, reading.count());
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let Family {
            text,
            name,
            kind,
            help,
            ..
        } = self;
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, upper: Option<&str>, value: impl Display) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        let upper = upper.map(|upper| ("le", upper));
        let mut before = '{';
        for (label, value) in labels.iter().copied().chain(upper) {
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(value));
            before = ',';
        }
        let end = if before == ',' { "}" } else { "" };
        let _ = writeln!(self.text, "{end} {value}");
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plane::histogram::Histogram;

    #[test]
    fn bounds_are_ends_of_steps() {
        for bound in BOUNDS_MICROS {
            let (histogram, mut reading) = (Histogram::default(), Reading::default());
            histogram.note(Duration::from_micros(bound - 1));
            histogram.note(Duration::from_micros(bound));
            histogram.add_to(&mut reading);
            assert_eq!(reading.count_up_to(bound), 1, "{bound}");
        }
        assert!(BOUNDS_MICROS.is_sorted());
    }

    #[test]
    fn labels_cannot_break_a_line() {
        let mut text = Text::default();
        text.gauge("a", "What it is.")
            .sample(&[("b", "\"c\\\n"), ("d", "e")], 1.5);
        let expected = "# HELP a What it is.\n# TYPE a gauge\na{b=\"\\\"c\\\\\\n\",d=\"e\"} 1.5\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_family_without_samples_is_not_there() {
        let mut text = Text::default();
        text.counter("a_total", "What it is.")
            .maybe(&[], None::<u64>);
        text.counter("b_total", "What it is.").sample(&[], 2);
        assert_eq!(
            text.finish(),
            "# HELP b_total What it is.\n# TYPE b_total counter\nb_total 2\n"
        );
    }
}
