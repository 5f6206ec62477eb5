//! Amounts with a unit: seconds, processors, memory, bandwidth.

use std::fmt;
use std::time::Duration;

/// Longer than anybody waits, and far from where arithmetic on deadlines could overflow.
pub const SECONDS_MAX: u64 = 365 * 24 * 3600;

/// A share of processors, counted in thousandths so that it compares exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpu {
    pub thousandths: u32,
}

/// Memory. As with systemd's `MemoryMax`, kB, MB and GB are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    pub bytes: u64,
}

/// Bandwidth. As with every network, k, M and G are powers of 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth {
    pub bits_per_second: u64,
}

const MEMORY_UNITS: &[(&str, u64)] = &[
    ("gib", 1 << 30),
    ("gb", 1 << 30),
    ("g", 1 << 30),
    ("mib", 1 << 20),
    ("mb", 1 << 20),
    ("m", 1 << 20),
    ("kib", 1 << 10),
    ("kb", 1 << 10),
    ("k", 1 << 10),
    ("b", 1),
];
const BANDWIDTH_UNITS: &[(&str, u64)] = &[
    ("gbps", 1_000_000_000),
    ("mbps", 1_000_000),
    ("kbps", 1_000),
    ("bps", 1),
];

impl Cpu {
    pub const LEAST: Cpu = Cpu { thousandths: 100 };
    pub const MOST: Cpu = Cpu {
        thousandths: 16_000,
    };

    /// `None` outside [`Cpu::LEAST`] … [`Cpu::MOST`].
    pub fn new(cores: f64) -> Option<Cpu> {
        // Written so that NaN fails it.
        if !(0.1..=16.0).contains(&cores) {
            return None;
        }
        let thousandths = (cores * 1000.0).round() as u32;
        Some(Cpu { thousandths })
    }
}

impl Memory {
    pub const LEAST: Memory = Memory { bytes: 96 << 20 };
    pub const MOST: Memory = Memory { bytes: 32 << 30 };

    /// Reads `"96MB"`; `None` when it is no such text or out of range.
    pub fn parse(text: &str) -> Option<Memory> {
        let memory = Memory {
            bytes: with_unit(text, MEMORY_UNITS)?,
        };
        (Memory::LEAST..=Memory::MOST)
            .contains(&memory)
            .then_some(memory)
    }
}

impl Bandwidth {
    pub const LEAST: Bandwidth = Bandwidth {
        bits_per_second: 1_000_000,
    };
    pub const MOST: Bandwidth = Bandwidth {
        bits_per_second: 2_000_000_000,
    };

    /// Reads `"250Mbps"`; `None` when it is no such text or out of range.
    pub fn parse(text: &str) -> Option<Bandwidth> {
        let bandwidth = Bandwidth {
            bits_per_second: with_unit(text, BANDWIDTH_UNITS)?,
        };
        (Bandwidth::LEAST..=Bandwidth::MOST)
            .contains(&bandwidth)
            .then_some(bandwidth)
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal(
            u64::from(self.thousandths / 1000),
            self.thousandths % 1000,
            3,
        ))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GB", 1u64 << 30), ("MB", 1 << 20), ("kB", 1 << 10)];
        whole_unit(f, self.bytes, &units, "B")
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            ("Gbps", 1_000_000_000),
            ("Mbps", 1_000_000),
            ("kbps", 1_000),
        ];
        whole_unit(f, self.bits_per_second, &units, "bps")
    }
}

/// Seconds as users write them; `None` for a negative, endless or otherwise impossible number.
pub fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// The shortest decimal that [`duration`] reads back as the same length.
pub fn seconds(length: Duration) -> String {
    decimal(length.as_secs(), length.subsec_nanos(), 9)
}

fn decimal(whole: u64, fraction: u32, digits: usize) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{fraction:0digits$}");
    text.trim_end_matches('0').to_owned()
}

fn whole_unit(
    f: &mut fmt::Formatter<'_>,
    amount: u64,
    units: &[(&str, u64)],
    least: &str,
) -> fmt::Result {
    for (unit, size) in units {
        if amount >= *size && amount.is_multiple_of(*size) {
            return write!(f, "{}{unit}", amount / size);
        }
    }
    write!(f, "{amount}{least}")
}

/// A decimal number and one of `units`, exactly: no binary fraction in between.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = unit.trim_start().to_ascii_lowercase();
    let size = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // Nine digits after the point are more than any unit can tell apart at these ranges.
    if whole.is_empty() || whole.len() > 15 || fraction.len() > 9 {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    u64::try_from(digits * u128::from(size) / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_exact_and_the_ranges_are_the_appliance_s() {
        let memory = |text: &str| Memory::parse(text).map(|memory| memory.bytes);
        assert_eq!(memory("96MB"), Some(96 << 20));
        assert_eq!(memory("0.09375GB"), Some(96 << 20));
        assert_eq!(memory("100663295B"), None);
        assert_eq!(memory("32GB"), Some(32 << 30));
        assert_eq!(memory("32.000000001GB"), None);
        assert_eq!(memory("99999999999999999GB"), None);
        let bandwidth = |text: &str| Bandwidth::parse(text).map(|b| b.bits_per_second);
        assert_eq!(bandwidth("1Mbps"), Some(1_000_000));
        assert_eq!(bandwidth("0.25 Gbps"), Some(250_000_000));
        assert_eq!(bandwidth("999999bps"), None);
        assert_eq!(bandwidth("2.000000001Gbps"), None);
        let cpu = |cores: f64| Cpu::new(cores).map(|cpu| cpu.to_string());
        assert_eq!(cpu(0.4).as_deref(), Some("0.4"));
        assert_eq!(cpu(16.0).as_deref(), Some("16"));
        assert_eq!(
            (cpu(0.0999), cpu(16.0001), cpu(f64::NAN)),
            (None, None, None)
        );
    }

    #[test]
    fn seconds_are_the_shortest_decimal() {
        for (text, nanos) in [
            ("0.5", 500_000_000),
            ("20", 20_000_000_000),
            ("0.000000001", 1),
        ] {
            let length = duration(text.parse().unwrap()).unwrap();
            assert_eq!(length, Duration::from_nanos(nanos));
            assert_eq!(seconds(length), text);
        }
        assert_eq!(
            (duration(-1.0), duration(f64::NAN), duration(f64::INFINITY)),
            (None, None, None)
        );
    }
}
