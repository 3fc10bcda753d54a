//! How far it is, on standard error: a line that is drawn again where that is a terminal, and a summary.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

/// How often the line is drawn again.
const REDRAW: Duration = Duration::from_millis(200);

pub struct Progress {
    /// None without a terminal.
    line: Option<ProgressBar>,
    started: Instant,
    drawn: Instant,
    records: u64,
    bytes: u64,
}

impl Progress {
    pub fn new() -> Self {
        let line = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is a good one");
            ProgressBar::new_spinner().with_style(style)
        });
        let now = Instant::now();
        Progress { line, started: now, drawn: now, records: 0, bytes: 0 }
    }

    /// Says something on standard error.
    pub fn tell(&self, text: impl AsRef<str>) {
        match &self.line {
            Some(line) => line.println(text),
            // Nobody is there to be told that nobody listens.
            None => drop(writeln!(std::io::stderr(), "{}", text.as_ref())),
        }
    }

    /// Counts a record that was delivered.
    pub fn delivered(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
        if let Some(line) = &self.line
            && self.drawn.elapsed() >= REDRAW
        {
            self.drawn = Instant::now();
            line.set_message(self.text());
            line.tick();
        }
    }

    /// Takes the line off the screen, and says what came of it all.
    pub fn finish(&mut self) {
        if let Some(line) = self.line.take() {
            line.finish_and_clear();
        }
        self.tell(self.text());
    }

    fn text(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = HumanCount((self.records as f64 / seconds) as u64);
        let (records, bytes) = (HumanCount(self.records), HumanBytes(self.bytes));
        format!("{records} records delivered, {bytes}, {rate} records/s")
    }
}
