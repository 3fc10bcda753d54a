//! Properties of Kafka's producer that milena does not honour, each with the reason. Those that the consumer refuses too
//! are taken from there.

use super::property::Property;
use super::refused::{self, no, only};

const TRANSACTIONS: &str = "there are no transactions yet";
const SERIALIZER: &str = "records are bytes; what makes them of values is in the application";
const PARTITIONER: &str =
    "the name of a Java class means nothing here; whoever has another way gives each record its partition";
const INTERCEPTORS: &str =
    "the name of a Java class means nothing here; code that is to see each record goes before `send`";
const LZ4: &str = "the LZ4 encoder that is built in has one way to compress";

const BYTES: &[&str] = &["org.apache.kafka.common.serialization.ByteArraySerializer"];
const EMPTY: &[&str] = &[""];

const OWN: [Property; 8] = [
    only("compression.lz4.level", "the level of LZ4.", &["9"], LZ4),
    only(
        "interceptor.classes",
        "code that sees, and may change, each record on its way to the brokers.",
        EMPTY,
        INTERCEPTORS,
    ),
    only("key.serializer", "what makes a record's key of a value.", BYTES, SERIALIZER),
    only("partitioner.class", "the code that chooses a record's partition.", EMPTY, PARTITIONER),
    no("transaction.timeout.ms", "how long a transaction may stay open.", TRANSACTIONS),
    only(
        "transaction.two.phase.commit.enable",
        "whether transactions stay open until somebody else decides (KIP-939).",
        &["false"],
        TRANSACTIONS,
    ),
    no("transactional.id", "under which name transactions go on after a restart.", TRANSACTIONS),
    only("value.serializer", "what makes a record's value of a value.", BYTES, SERIALIZER),
];

const SHARED: usize = refused::REFUSED.len() - refused::OF_CONSUMERS;

pub(super) const REFUSED: &[Property] = &{
    let mut all = [OWN[0]; OWN.len() + SHARED];
    let mut i = 0;
    while i < all.len() {
        all[i] = if i < OWN.len() { OWN[i] } else { refused::REFUSED[i - OWN.len() + refused::OF_CONSUMERS] };
        i += 1;
    }
    all
};
