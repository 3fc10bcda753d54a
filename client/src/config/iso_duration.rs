//! Durations as ISO 8601 writes them, the way Java's `Duration.parse` reads them: `P7D`, `PT36H`, `P1DT2H30M1.5S`.
//!
//! A day is 24 hours; weeks, months and years are not known. Each number may have a sign, and so may the whole.

use std::fmt;
use std::time::Duration;

const NANOS_A_SECOND: i128 = 1_000_000_000;

/// The units, in the order in which they may stand; those behind the `T` come second.
const DATE_UNITS: &[(char, i128)] = &[('D', 86_400)];
const TIME_UNITS: &[(char, i128)] = &[('H', 3_600), ('M', 60), ('S', 1)];

/// `None` for what is no duration, for one that does not fit, and for a negative one.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let (is_negative, rest) = sign(&text);
    let rest = rest.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        // A `T` has to have something behind it.
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None if rest.is_empty() => return None,
        None => (rest, ""),
    };
    let nanos = parts(date, DATE_UNITS)?.checked_add(parts(time, TIME_UNITS)?)?;
    let nanos = if is_negative { -nanos } else { nanos };
    let seconds = u64::try_from(nanos.div_euclid(NANOS_A_SECOND)).ok()?;
    // Java counts seconds with 63 bits.
    i64::try_from(seconds).ok()?;
    let subsec_nanos = u32::try_from(nanos.rem_euclid(NANOS_A_SECOND)).ok()?;
    Some(Duration::new(seconds, subsec_nanos))
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The nanoseconds of numbers with units, each unit once at most and in their order.
fn parts(mut text: &str, units: &[(char, i128)]) -> Option<i128> {
    let mut units = units.iter();
    let mut nanos = 0_i128;
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, rest) = text.split_at(end);
        let unit = rest.chars().next()?;
        let (_, seconds) = units.find(|(name, _)| *name == unit)?;
        nanos = nanos.checked_add(part(number, unit == 'S')?.checked_mul(*seconds)?)?;
        text = &rest[1..];
    }
    Some(nanos)
}

/// A number in units of a billionth. Only seconds may have a fraction, of nine digits at most.
fn part(number: &str, may_have_fraction: bool) -> Option<i128> {
    let (is_negative, number) = sign(number);
    let (whole, fraction) = match number.split_once(['.', ',']) {
        Some((whole, fraction)) if may_have_fraction => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
    let nanos = i128::from(whole) * NANOS_A_SECOND + fraction;
    Some(if is_negative { -nanos } else { nanos })
}

/// Writes a duration as Java does: in hours, minutes and seconds.
pub(super) fn write(duration: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (all_seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let (hours, minutes, seconds) = (all_seconds / 3_600, all_seconds / 60 % 60, all_seconds % 60);
    f.write_str("PT")?;
    if hours > 0 {
        write!(f, "{hours}H")?;
    }
    if minutes > 0 {
        write!(f, "{minutes}M")?;
    }
    if nanos > 0 {
        let fraction = format!("{nanos:09}");
        return write!(f, "{seconds}.{}S", fraction.trim_end_matches('0'));
    }
    if seconds > 0 || duration.is_zero() || (hours == 0 && minutes == 0) {
        write!(f, "{seconds}S")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Written(Duration);

    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(self.0, f)
        }
    }

    #[test]
    fn durations_are_read_as_java_reads_them_and_written_as_java_writes_them() {
        // What java.time.Duration.parse(...).toString() gives.
        for (text, millis, written) in [
            ("P7D", 604_800_000, "PT168H"),
            ("PT20.345S", 20_345, "PT20.345S"),
            ("PT15M", 900_000, "PT15M"),
            ("PT10H", 36_000_000, "PT10H"),
            ("P2D", 172_800_000, "PT48H"),
            ("P2DT3H4M", 183_840_000, "PT51H4M"),
            ("P-1DT36H", 43_200_000, "PT12H"),
            ("-PT-6H+3M", 21_420_000, "PT5H57M"),
            ("+pt1h", 3_600_000, "PT1H"),
            ("PT1,5S", 1_500, "PT1.5S"),
            ("PT1.S", 1_000, "PT1S"),
            ("PT1M-0.5S", 59_500, "PT59.5S"),
            ("PT90S", 90_000, "PT1M30S"),
            ("P0D", 0, "PT0S"),
            ("-PT0S", 0, "PT0S"),
        ] {
            let duration = parse(text);
            assert_eq!(duration, Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(Written(duration.unwrap()).to_string(), written, "{text}");
            assert_eq!(parse(written), duration, "{written}");
        }
        assert_eq!(parse("PT0.000000001S"), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn what_java_refuses_is_refused_and_so_is_a_negative_duration() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "7D",
            "P1W",
            "P1Y",
            "P1M",
            "PT1D",
            "P1H",
            "PT1M1H",
            "PT1H1H",
            "P 1D",
            "P1D ",
            "PD",
            "PTS",
            "PT.5S",
            "PT1.5H",
            "PT1.0123456789S",
            "PT1",
            "PT--1S",
            "P1DT2",
            "PT9223372036854775808S",
            "PT9223372036854775807H",
            "-PT1S",
            "PT-1S",
            "P-7D",
            "P1DT-25H",
            "PT1Ü",
            "ÜPT1S",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
