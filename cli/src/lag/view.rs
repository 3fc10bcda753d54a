//! What `milena lag` shows of a sample.

use console::{Style, truncate_str};

use super::rates::Rates;
use super::sample::{PartitionSample, Sample};
use crate::table::{Table, or_dash};

/// How wide a bar is.
const BAR: usize = 20;

/// The summary and the table, cut to the width of the terminal, if there is one.
pub fn lines(sample: &Sample, rates: Option<&Rates>, size: Option<(u16, u16)>) -> Vec<String> {
    let mut headings = vec!["TOPIC", ">PARTITION", ">COMMITTED", ">END", ">LAG", "BEHIND"];
    if rates.is_some() {
        headings.push(">PER SECOND");
    }
    headings.extend(["CLIENT", "HOST", "MEMBER"]);
    let mut table = Table::new(&headings);
    let longest = sample.partitions.iter().filter_map(PartitionSample::lag).max().unwrap_or(0);
    for partition in &sample.partitions {
        let (place, lag, owner) = (&partition.partition, partition.lag(), sample.owner(partition));
        let mut cells = vec![
            place.topic.to_string(),
            place.partition.to_string(),
            or_dash(partition.committed),
            or_dash(partition.end),
            or_dash(lag),
            colored(bar(lag.unwrap_or(0), longest), lag.unwrap_or(0), longest),
        ];
        if let Some(rates) = rates {
            cells.push(or_dash(rates.of(place).map(|rate| format!("{rate:.1}"))));
        }
        cells.push(or_dash(owner.map(|owner| &owner.client_id)));
        cells.push(or_dash(owner.map(|owner| &owner.host)));
        cells.push(or_dash(owner.map(|owner| &owner.member_id)));
        table.row(cells);
    }
    let mut lines = vec![sample.summary()];
    if !sample.partitions.is_empty() {
        lines.extend(table.lines());
    }
    lines.extend(sample.idle().map(|member| format!("without a partition: {}", member.member_id)));
    if let Some((height, width)) = size {
        fit(&mut lines, height.into(), width.into());
    }
    lines
}

/// Cuts lines that are too long, and leaves out those for which there is no room, but for a line that says how many.
fn fit(lines: &mut Vec<String>, height: usize, width: usize) {
    // The cursor has a line of its own.
    let room = height.saturating_sub(1).max(2);
    if lines.len() > room {
        let left_out = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(format!("... {left_out} more lines"));
    }
    for line in lines {
        *line = truncate_str(line, width, "…").into_owned();
    }
}

/// A bar as long as `lag` is of `longest`, in eighths of a character; the least lag shows. Filled up to its full width, so
/// that the table does not move.
fn bar(lag: i64, longest: i64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if lag <= 0 || longest <= 0 {
        return " ".repeat(BAR);
    }
    let eighths = (lag as f64 / longest as f64 * (BAR * 8) as f64).round().max(1.0) as usize;
    let eighths = eighths.min(BAR * 8);
    format!("{:BAR$}", "█".repeat(eighths / 8) + EIGHTHS[eighths % 8])
}

/// Where the terminal has colors: the nearer to the longest, the redder.
fn colored(bar: String, lag: i64, longest: i64) -> String {
    let style = match lag.saturating_mul(3) {
        third if third > longest.saturating_mul(2) => Style::new().red(),
        third if third > longest => Style::new().yellow(),
        _ => Style::new().green(),
    };
    style.apply_to(bar).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_in_proportion_and_never_empty_for_a_lag() {
        let ink = |lag, longest| bar(lag, longest).trim_end().to_owned();
        assert_eq!(ink(100, 100), "█".repeat(20));
        assert_eq!(ink(50, 100), "█".repeat(10));
        assert_eq!(ink(51, 800), "█▎");
        assert_eq!(ink(1, i64::MAX), "▏");
        assert_eq!(ink(0, 100), "");
        assert_eq!(ink(-5, 100), "");
        assert_eq!(ink(i64::MAX, i64::MAX), "█".repeat(20));
        assert!([0, 1, 50, 100].iter().all(|lag| console::measure_text_width(&bar(*lag, 100)) == BAR));
    }

    #[test]
    fn what_does_not_fit_on_the_screen_is_left_out_and_counted() {
        let mut lines: Vec<String> = (0..10).map(|n| format!("line {n}")).collect();
        fit(&mut lines, 5, 6);
        assert_eq!(lines, ["line 0", "line 1", "line 2", "... 7…"]);
        let mut lines = vec!["line 0".to_owned()];
        fit(&mut lines, 0, 80);
        assert_eq!(lines, ["line 0"]);
    }
}
