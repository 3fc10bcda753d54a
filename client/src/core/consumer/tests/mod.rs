//! Stories of a consumer in a group, under a virtual clock.

mod closing;
mod joining;
mod offsets;
mod rebalances;
mod sim;
mod subscribing;
