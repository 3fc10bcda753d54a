//! What went on, for the one who has to find out why a history failed.
//!
//! Nothing is written down in the first run: a history is its seed, so the one that failed is run again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

/// How many lines are kept.
const LINES: usize = 150;

#[derive(Clone, Debug, Default)]
pub struct Trace(Option<Rc<RefCell<Kept>>>);

#[derive(Debug, Default)]
struct Kept {
    at: Duration,
    lines: VecDeque<String>,
    says_all: bool,
}

impl Trace {
    pub fn off() -> Self {
        Trace(None)
    }

    /// Keeps the last lines.
    pub fn keeping() -> Self {
        Trace(Some(Rc::default()))
    }

    /// Prints each line at once, too.
    pub fn printing() -> Self {
        Trace(Some(Rc::new(RefCell::new(Kept { says_all: true, ..Kept::default() }))))
    }

    /// From now on it is so long after the beginning.
    pub fn at(&self, at: Duration) {
        if let Some(kept) = &self.0 {
            kept.borrow_mut().at = at;
        }
    }

    /// `line` is made only where it is wanted.
    pub fn note<L: Display>(&self, who: &str, line: impl FnOnce() -> L) {
        let Some(kept) = &self.0 else { return };
        let line = line();
        let mut kept = kept.borrow_mut();
        let line = format!("{:>9.3} {who:<10} {line}", kept.at.as_secs_f64());
        if kept.says_all {
            println!("{line}");
        }
        if kept.lines.len() == LINES {
            kept.lines.pop_front();
        }
        kept.lines.push_back(line);
    }

    /// The last lines.
    pub fn lines(&self) -> Vec<String> {
        self.0.iter().flat_map(|kept| kept.borrow().lines.iter().cloned().collect::<Vec<_>>()).collect()
    }
}
