//! How far it is, on standard error, when that is a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use milena_client::Record;

/// How often the line is drawn again.
const REDRAW: Duration = Duration::from_millis(200);

pub struct Progress {
    /// None without a terminal.
    line: Option<ProgressBar>,
    started: Instant,
    drawn: Instant,
    records: u64,
    bytes: u64,
    lag: Option<i64>,
}

impl Progress {
    pub fn new() -> Self {
        let line = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is a good one");
            ProgressBar::new_spinner().with_style(style).with_message("joining the group")
        });
        let now = Instant::now();
        Progress { line, started: now, drawn: now, records: 0, bytes: 0, lag: None }
    }

    /// Says on standard error what is to be heard without a terminal too.
    pub fn tell(&self, text: impl AsRef<str>) {
        match &self.line {
            Some(line) => line.println(text),
            // Nobody is there to be told that nobody listens.
            None => drop(writeln!(std::io::stderr(), "{}", text.as_ref())),
        }
    }

    /// Says something above the line, if there is one.
    pub fn say(&self, text: impl AsRef<str>) {
        if let Some(line) = &self.line {
            line.println(text);
        }
    }

    /// Counts a record that was printed.
    pub fn record(&mut self, record: &Record<'_>) {
        let size = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
        self.records += 1;
        self.bytes += size(record.key()) + size(record.value());
    }

    /// Writes to standard output, which may be the same terminal, while the line is taken off the screen.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.line {
            Some(line) => line.suspend(write),
            None => write(),
        }
    }

    /// Whether the line is to be drawn again.
    pub fn is_due(&self) -> bool {
        self.line.is_some() && self.drawn.elapsed() >= REDRAW
    }

    /// Notes how many records are left to read, and draws the line when it is time to.
    pub fn lag(&mut self, lag: Option<i64>) {
        self.lag = lag;
        if self.is_due() {
            self.drawn = Instant::now();
            self.draw();
        }
    }

    /// Leaves the last state of the line on the screen.
    pub fn finish(&mut self) {
        self.draw();
        if let Some(line) = &self.line {
            line.abandon();
        }
    }

    fn draw(&self) {
        let Some(line) = &self.line else { return };
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = HumanCount((self.records as f64 / seconds) as u64);
        let lag = self.lag.map_or("?".to_owned(), |lag| HumanCount(lag.max(0) as u64).to_string());
        let (records, bytes) = (HumanCount(self.records), HumanBytes(self.bytes));
        line.set_message(format!("{records} records, {bytes}, {rate} records/s, lag {lag}"));
        line.tick();
    }
}
