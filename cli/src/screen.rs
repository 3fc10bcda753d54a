//! A terminal on which lines take the place of those before, and what is drawn there.

use std::io;

use console::{Style, Term, truncate_str};

/// How wide a bar is.
const BAR: usize = 20;

/// Standard output, when it may be a terminal.
pub struct Screen {
    terminal: Term,
    /// How many lines stand there to be replaced.
    drawn: usize,
}

impl Screen {
    pub fn new() -> Self {
        Screen { terminal: Term::buffered_stdout(), drawn: 0 }
    }

    /// Whether lines can be replaced.
    pub fn is_terminal(&self) -> bool {
        self.terminal.is_term()
    }

    /// Whether there are lines that the next ones will replace.
    pub fn has_drawn(&self) -> bool {
        self.drawn > 0
    }

    /// Draws lines in the place of the last ones, cut to the size of the terminal.
    pub fn draw(&mut self, mut lines: Vec<String>) -> io::Result<()> {
        let (height, width) = self.terminal.size();
        fit(&mut lines, height.into(), width.into());
        self.terminal.clear_last_lines(self.drawn)?;
        self.drawn = lines.len();
        self.print(&lines)
    }

    /// Prints lines that stay.
    pub fn print<L: AsRef<str>>(&self, lines: &[L]) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.terminal.write_line(line.as_ref()))?;
        self.terminal.flush()
    }
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

/// A bar as long as `part` is of `longest`; where the terminal has colors, the nearer to the longest the redder.
pub fn bar(part: i64, longest: i64) -> String {
    let style = match part.saturating_mul(3) {
        third if third > longest.saturating_mul(2) => Style::new().red(),
        third if third > longest => Style::new().yellow(),
        _ => Style::new().green(),
    };
    style.apply_to(ink(part, longest)).to_string()
}

/// In eighths of a character; the least part shows. Filled up to the full width, so that a table does not move.
fn ink(part: i64, longest: i64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if part <= 0 || longest <= 0 {
        return " ".repeat(BAR);
    }
    let eighths = (part as f64 / longest as f64 * (BAR * 8) as f64).round().max(1.0) as usize;
    let eighths = eighths.min(BAR * 8);
    format!("{:BAR$}", "█".repeat(eighths / 8) + EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_in_proportion_and_never_empty_for_a_part() {
        let trimmed = |part, longest| ink(part, longest).trim_end().to_owned();
        assert_eq!(trimmed(100, 100), "█".repeat(20));
        assert_eq!(trimmed(50, 100), "█".repeat(10));
        assert_eq!(trimmed(51, 800), "█▎");
        assert_eq!(trimmed(1, i64::MAX), "▏");
        assert_eq!(trimmed(0, 100), "");
        assert_eq!(trimmed(-5, 100), "");
        assert_eq!(trimmed(i64::MAX, i64::MAX), "█".repeat(20));
        assert!([0, 1, 50, 100].iter().all(|part| console::measure_text_width(&ink(*part, 100)) == BAR));
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
