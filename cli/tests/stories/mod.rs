//! What a user sees of the command, told against `crate::cluster::Cluster`, as in `client/tests/stories/`.

pub mod common;
mod consume;
mod formats;
mod groups;
mod reading;
