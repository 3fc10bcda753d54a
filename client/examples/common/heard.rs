//! Events of Kafka's verifiable tools.

use serde_json::Value;

/// What a process said.
pub struct Heard {
    /// Who.
    pub from: String,
    /// What.
    pub event: Value,
}

impl Heard {
    /// Which kind of event it is, as in `record_data`.
    pub fn name(&self) -> &str {
        self.event["name"].as_str().unwrap_or_default()
    }

    /// When it happened, in milliseconds since 1970.
    pub fn at(&self) -> i64 {
        self.event["timestamp"].as_i64().unwrap_or_default()
    }
}
