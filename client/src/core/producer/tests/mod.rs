//! Stories of the producer's core, under a virtual clock.

mod batching;
mod delivery;
mod metadata;
mod order;
mod world;
