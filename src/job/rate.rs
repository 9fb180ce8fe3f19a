//! A rate of transfer as people write it: `800KB`, `20MB`, `1.5MiB`, `200Mbit`.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::oci::printable;

/// Bytes a second, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

/// Units and the bytes in each. A bit's unit is written with `bit`: `Mb` alone means one thing to some people and
/// another to others, and is taken for bytes like every unit whatever its case.
const UNITS: [(&str, f64); 18] = [
    ("", 1.0),
    ("b", 1.0),
    ("k", 1e3),
    ("kb", 1e3),
    ("kib", 1024.0),
    ("m", 1e6),
    ("mb", 1e6),
    ("mib", 1_048_576.0),
    ("g", 1e9),
    ("gb", 1e9),
    ("gib", 1_073_741_824.0),
    ("bit", 1.0 / 8.0),
    ("kbit", 1e3 / 8.0),
    ("mbit", 1e6 / 8.0),
    ("gbit", 1e9 / 8.0),
    ("kibit", 1024.0 / 8.0),
    ("mibit", 1_048_576.0 / 8.0),
    ("gibit", 1_073_741_824.0 / 8.0),
];

/// The least and the most that make sense: one byte, and more than any network card has.
const LIMITS: (f64, f64) = (1.0, 1e15);

impl Rate {
    /// So many bytes a second.
    pub const fn new(bytes: NonZeroU64) -> Rate {
        Rate(bytes)
    }

    /// Bytes a second.
    pub const fn get(self) -> NonZeroU64 {
        self.0
    }
}

impl From<Rate> for NonZeroU64 {
    fn from(rate: Rate) -> NonZeroU64 {
        rate.0
    }
}

impl FromStr for Rate {
    /// One printable line: what is wrong, and how a rate is written.
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let wrong = || {
            format!(
                "{:?} is no rate; bytes a second are written 800KB, 20MB, 1.5MiB or 200Mbit",
                printable(text, 40)
            )
        };
        let whole = text.trim().to_ascii_lowercase();
        let whole = whole.strip_suffix("/s").unwrap_or(&whole).trim_end();
        let end = whole.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(whole.len());
        let (number, unit) = whole.split_at(end);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let unit = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(wrong)?.1;
        let bytes = (number * unit).round();
        if !(LIMITS.0..=LIMITS.1).contains(&bytes) {
            return Err(format!(
                "{:?} is no rate: at least one byte a second is needed{}",
                printable(text, 40),
                if bytes > LIMITS.1 { ", and at most 1000000GB" } else { "" }
            ));
        }
        NonZeroU64::new(bytes as u64).map(Rate).ok_or_else(wrong)
    }
}

/// As it is written, in the largest unit that it is a round number of: what is shown can be typed again.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.get();
        let tenths = |unit: u64| (bytes >= unit && bytes.is_multiple_of(unit / 10)).then_some(unit);
        let (value, unit) = match [1_000_000_000, 1_000_000, 1000].into_iter().find_map(tenths) {
            Some(1_000_000_000) => (bytes as f64 / 1e9, "GB"),
            Some(1_000_000) => (bytes as f64 / 1e6, "MB"),
            Some(_) => (bytes as f64 / 1e3, "KB"),
            None => (bytes as f64, "B"),
        };
        write!(f, "{value}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, want) in [
            ("1", 1),
            ("1000000", 1_000_000),
            ("800KB", 800_000),
            ("800kB/s", 800_000),
            ("20MB", 20_000_000),
            ("20 MB", 20_000_000),
            ("20m", 20_000_000),
            ("1.5MiB", 1_572_864),
            ("200Mbit", 25_000_000),
            ("200 mbit/s", 25_000_000),
            ("1Gbit", 125_000_000),
            (" 2GB ", 2_000_000_000),
            ("0.5k", 500),
        ] {
            assert_eq!(text.parse::<Rate>().map(|r| r.get().get()), Ok(want), "{text}");
        }
        for text in
            ["", "MB", "fast", "-1", "1.2.3", "20XB", "20 M B", "1e6", "0", "0.2", "1bit", "inf", "9999999GB"]
        {
            let reason = text.parse::<Rate>().unwrap_err();
            assert!(reason.contains("is no rate"), "{text}: {reason}");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed_again() {
        for (bytes, want) in [
            (1, "1B"),
            (999, "999B"),
            (800_000, "800KB"),
            (20_000_000, "20MB"),
            (1_500_000, "1.5MB"),
            (1_572_864, "1572864B"),
            (2_000_000_000, "2GB"),
        ] {
            let rate = Rate::new(NonZeroU64::new(bytes).unwrap());
            assert_eq!(rate.to_string(), want);
            assert_eq!(want.parse::<Rate>(), Ok(rate));
        }
    }
}
