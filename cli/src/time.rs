//! Points in time and lengths of time, as users write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};

/// Milliseconds since 1970, from `2026-01-31T13:00:00Z`, with another offset in place of `Z`, or with none for UTC, as
/// Kafka's tools have it.
pub fn point(text: &str) -> Result<i64, String> {
    let with_zone = text.parse::<Timestamp>();
    let utc = || text.parse::<DateTime>()?.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    match with_zone.or_else(|_| utc()) {
        Ok(time) => Ok(time.as_millisecond()),
        Err(_) => {
            Err("a time is written as 2026-01-31T13:00:00Z, +01:00 in place of Z for another offset"
                .to_owned())
        }
    }
}

/// Milliseconds, from `P7D`, `PT1H30M` and the like (ISO 8601), or from `7d` or `1h 30m`; a day has 24 hours.
pub fn duration(text: &str) -> Result<i64, String> {
    let span: Result<Span, _> = text.parse();
    let millis =
        span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours())).map(|d| d.as_millis());
    let millis = millis.ok().and_then(|millis| i64::try_from(millis).ok());
    millis.ok_or_else(|| "a duration is written as P7D or PT1H30M, or as 7d or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_time_has_an_offset_or_is_utc() {
        assert_eq!(point("1970-01-01T00:00:01.5Z"), Ok(1_500));
        assert_eq!(point("1970-01-01T01:00:00+01:00"), Ok(0));
        assert_eq!(point("2023-11-14T22:13:20.000"), Ok(1_700_000_000_000));
        assert!(point("yesterday").unwrap_err().contains("2026-01-31T13:00:00Z"));
    }

    #[test]
    fn a_duration_is_iso_8601_or_plain() {
        assert_eq!(duration("P7D"), Ok(7 * 86_400_000));
        assert_eq!(duration("PT1H30M"), Ok(5_400_000));
        assert_eq!(duration("P1DT0.5S"), Ok(86_400_500));
        assert_eq!(duration("1h 30m"), duration("PT1H30M"));
        assert!(duration("P1M").is_err(), "how long a month is depends on which");
        assert!(duration("soon").is_err());
    }
}
