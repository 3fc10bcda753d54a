//! When records were acknowledged and delivered, and the longest times without either.

use std::collections::{BTreeMap, BTreeSet};

use crate::heard::Heard;

/// Partition and offset.
type Place = (i64, i64);

/// What was heard, and the moments that divide it.
pub struct Measure {
    producer: &'static str,
    consumers: [&'static str; 2],
    /// When each record was acknowledged, in milliseconds since 1970, as all times here.
    acknowledged: BTreeMap<Place, i64>,
    /// When each record came for the first time, by consumer.
    delivered: BTreeMap<&'static str, BTreeMap<Place, i64>>,
    /// What happened, and when.
    happened: Vec<(String, i64)>,
}

impl Measure {
    /// Nothing was heard yet of these.
    pub fn new(producer: &'static str, consumers: [&'static str; 2]) -> Self {
        let delivered = consumers.iter().map(|consumer| (*consumer, BTreeMap::new())).collect();
        Measure { producer, consumers, acknowledged: BTreeMap::new(), delivered, happened: Vec::new() }
    }

    /// Takes in an event of one of them.
    pub fn hear(&mut self, heard: &Heard) {
        let number = |key: &str| heard.event[key].as_i64().unwrap_or(-1);
        let place = (number("partition"), number("offset"));
        match heard.name() {
            "producer_send_success" if heard.from == self.producer => {
                self.acknowledged.insert(place, heard.at());
            }
            "record_data" => {
                if let Some(delivered) = self.delivered.get_mut(heard.from.as_str()) {
                    delivered.entry(place).or_insert(heard.at());
                }
            }
            _ => {}
        }
    }

    /// From now on it is this that is measured.
    pub fn happens(&mut self, what: &str, now: i64) {
        self.happened.push((what.to_owned(), now));
    }

    /// Whether every record that was acknowledged has come to all.
    pub fn is_complete(&self) -> bool {
        self.consumers.iter().all(|consumer| self.missing(consumer) == 0)
    }

    /// How many acknowledged records a consumer has not delivered.
    fn missing(&self, consumer: &str) -> usize {
        self.acknowledged.keys().filter(|place| !self.delivered[consumer].contains_key(place)).count()
    }

    /// Whether something came to all of them.
    pub fn has_begun(&self) -> bool {
        self.delivered.values().all(|delivered| !delivered.is_empty())
    }

    /// A line for each thing that happened, until the last of them.
    pub fn table(&self) -> String {
        let [first, second] = self.consumers;
        let mut table = format!(
            "{:42} {:>12}  {:>24}  {:>24}\n{:42} {:>12}  {:>12}{:>12}  {:>12}{:>12}\n",
            "",
            self.producer,
            first,
            second,
            "longest, in ms",
            "silent",
            "silent",
            "on its way",
            "silent",
            "on its way"
        );
        for window in self.happened.windows(2) {
            let [(what, from), (_, to)] = window else { continue };
            let mut line = format!("{what:42} {:>12}", silence(self.acknowledged.values(), *from, *to));
            for consumer in self.consumers {
                let delivered = &self.delivered[consumer];
                let way = self.longest_way(delivered, *from, *to);
                line += &format!("  {:>12}{way:>12}", silence(delivered.values(), *from, *to));
            }
            table += &line;
            table.push('\n');
        }
        for consumer in self.consumers {
            let missing = self.missing(consumer);
            table +=
                &format!("{consumer}: {} records acknowledged, {missing} missing\n", self.acknowledged.len());
        }
        table
    }

    /// The longest that a record was on its way to a consumer, of all times that this happened.
    pub fn longest_way_of(&self, what: &str, consumer: &str) -> i64 {
        let windows = self.happened.windows(2).filter(|window| window[0].0 == what);
        let ways =
            windows.map(|window| self.longest_way(&self.delivered[consumer], window[0].1, window[1].1));
        ways.max().unwrap_or(0)
    }

    /// The longest time from the acknowledgement of a record to its delivery.
    fn longest_way(&self, delivered: &BTreeMap<Place, i64>, from: i64, to: i64) -> i64 {
        let acknowledged = self.acknowledged.iter().filter(|(_, at)| (from..to).contains(at));
        acknowledged.filter_map(|(place, at)| Some(delivered.get(place)? - at)).max().unwrap_or(0).max(0)
    }
}

/// The longest time between two of these moments that touches what lies between `from` and `to`.
fn silence<'a>(times: impl Iterator<Item = &'a i64>, from: i64, to: i64) -> i64 {
    let times: BTreeSet<i64> = times.copied().collect();
    let before = times.range(..from).next_back();
    let within: Vec<i64> = before.into_iter().chain(times.range(from..to)).copied().collect();
    within.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(to - from)
}
