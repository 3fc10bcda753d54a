//! Durations as requests carry them.

use std::time::Duration;

/// Milliseconds in an INT32; a duration that does not fit is the longest that does.
pub(crate) fn wire_millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
