//! The pure core: no clock, no async, no locks, no I/O.

pub mod assignors;
