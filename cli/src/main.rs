//! `milena`: read and write Kafka topics, and see what Kafka's wire protocol says.
//!
//! One file for each command. Each gives back a [`Failure`] or nothing; what a user did wrong at the command line is
//! said by clap, with exit code 2.

mod apis;
mod broker;
mod brokers;
mod consume;
mod demo;
mod failure;
mod groups;
mod interrupt;
mod lag;
mod message;
mod produce;
mod rates;
mod records;
mod screen;
mod table;
mod time;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use failure::Failure;

/// Read and write Kafka topics, and see what Kafka's wire protocol says
#[derive(Parser)]
#[command(name = "milena", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show a cluster, a writer and a group of readers at work; needs nothing else
    Demo(demo::Args),
    /// Print the records of topics
    Consume(consume::Args),
    /// Write what standard input says to a topic
    Produce(produce::Args),
    /// List and describe groups, set their offsets
    #[command(subcommand)]
    Groups(groups::Command),
    /// Show how far a group is behind
    Lag(lag::Args),
    /// Run a Kafka in memory: one broker, or a cluster of several
    Broker(broker::Args),
    /// Print a message of the protocol as JSON
    Decode(message::DecodeArgs),
    /// Write the message that JSON describes
    Encode(message::EncodeArgs),
    /// Print the batches and records of a records blob
    Records(records::Args),
    /// List the APIs of the protocol and their versions
    Apis(apis::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(args),
        Command::Consume(args) => consume::run(args),
        Command::Produce(args) => produce::run(args),
        Command::Groups(command) => groups::run(command),
        Command::Lag(args) => lag::run(args),
        Command::Broker(args) => broker::run(args),
        Command::Decode(args) => message::decode(args),
        Command::Encode(args) => message::encode(args),
        Command::Records(args) => records::run(args),
        Command::Apis(args) => apis::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough, as `head` does.
        Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("milena: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Ends the command with exit code 2, as clap does for what it can tell by itself.
fn usage(problem: impl std::fmt::Display) -> ! {
    let mut cli = Cli::command();
    cli.build();
    // The usage of the subcommand that was asked for says more than that of the whole.
    let mut command = &mut cli;
    for name in std::env::args().skip(1) {
        if command.find_subcommand(&name).is_none() {
            break;
        }
        command = command.find_subcommand_mut(&name).expect("it has just been found");
    }
    command.error(ErrorKind::ValueValidation, problem).exit()
}
