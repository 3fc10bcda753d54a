//! Stories of a consumer in a group, under a virtual clock.

mod assignors;
mod closing;
mod consumer_protocol;
mod consumer_protocol_histories;
mod errors;
mod extremes;
mod joining;
mod leaving;
mod lookups;
mod offsets;
mod patterns;
mod pins;
mod polls;
mod rebalances;
mod recovery;
mod reports;
mod sim;
mod subscribing;
