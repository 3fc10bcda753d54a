//! The broker as a machine without a clock, sockets or locks.
//!
//! One core holds a whole cluster: its logical brokers share the topics and the groups, so that nothing has to be copied
//! from one to the other, and a leader moves by changing a number.
//!
//! | file | what |
//! |---|---|
//! | `io.rs` | what goes in and comes out |
//! | `requests.rs` | requests that wait for their answers |
//! | `catalog.rs` | brokers, topics, partitions: who leads what |
//! | `groups/` | the group coordinator |
//! | `rng.rs` | chance, from a seed |

pub mod catalog;
pub mod groups;
pub mod io;
pub mod requests;
pub mod rng;
