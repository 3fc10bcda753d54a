//! What went on, for the one who has to find out why a history failed.
//!
//! Nothing is written down in the first run: a history is its seed, so the one that failed is run again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use milena_protocol::RequestBody;
use milena_protocol::records::Batches;

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

/// A request for a line of the trace: of batches who counts them, and how.
pub fn brief(body: &RequestBody) -> String {
    let RequestBody::Produce(request) = body else { return short(body) };
    let mut line = format!("Produce, acks {}:", request.acks);
    for topic in &request.topic_data {
        let name =
            if topic.name.is_empty() { format!("{:?}", topic.topic_id) } else { topic.name.to_string() };
        for data in &topic.partition_data {
            for batch in Batches::new(data.records.as_deref().unwrap_or_default()).flatten() {
                let (epoch, first, count) =
                    (batch.producer_epoch, batch.base_sequence, batch.count.unwrap_or(-1));
                line += &format!(" {name}-{} epoch {epoch} {first}+{count}", data.index);
            }
        }
    }
    line
}

/// As much of a message as a line of the trace has room for.
pub fn short(message: &impl std::fmt::Debug) -> String {
    let mut text = format!("{message:?}").replace("unknown_tagged_fields: TaggedFields([])", "");
    if text.len() > 600 {
        let end = (0..600).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
    }
    text
}
