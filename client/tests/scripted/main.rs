//! The consumer over real sockets, with a broker that does what a test wants.

mod broker;
mod budget;
mod unreadable;
