//! Names that are not to be set: Kafka's, which milena does not honour yet, and nobody's.

use super::ConfigError;

/// The properties of Kafka 4.3's consumer that milena has no use for yet. Families of names are cut after their dot.
const NOT_YET: &[&str] = &[
    "client.dns.lookup",
    "config.providers",
    "enable.metrics.push",
    "exclude.internal.topics",
    "group.protocol",
    "group.remote.assignor",
    "interceptor.classes",
    "key.deserializer",
    "metadata.recovery.",
    "metric.reporters",
    "metrics.",
    "receive.buffer.bytes",
    "sasl.",
    "security.",
    "send.buffer.bytes",
    "share.",
    "ssl.",
    "value.deserializer",
];

/// Why this name cannot be set.
pub(super) fn refusal(name: &str, supported: &[&str]) -> ConfigError {
    let is_kafkas = |known: &&str| name == *known || known.ends_with('.') && name.starts_with(*known);
    if NOT_YET.iter().any(is_kafkas) {
        return ConfigError::not_supported(name);
    }
    let nearest = supported.iter().map(|known| (distance(name, known), *known)).min();
    // Further than this apart, two names have nothing to do with each other.
    let nearest = nearest.filter(|(distance, known)| *distance <= known.len() / 2);
    ConfigError::unknown(name, nearest.map(|(_, known)| known))
}

/// How many letters have to be put in, left out or changed to get from one to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        assert_eq!(distance("group.id", "group.id"), 0);
        assert_eq!(distance("groupid", "group.id"), 1);
        assert_eq!(distance("group_id", "group.id"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
