//! `milena broker`: a Kafka in memory, for programs in any language.

mod ready;
mod server_properties;
mod topic;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::pin::pin;

use milena_broker::{Broker, Builder, Settings, StartError};

use crate::brokers::block_on;
use crate::failure::Failure;
use crate::interrupt::stop_signal;
use topic::TopicArg;

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The port of the first broker; those of the others follow it. With 0 the system chooses
    #[arg(long, value_name = "PORT", default_value_t = 9092)]
    port: u16,

    /// How many brokers
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=100)
    )]
    brokers: u16,

    /// Where brokers stand (broker.rack), one after the other; may be repeated
    #[arg(long = "rack", value_name = "R")]
    racks: Vec<String>,

    /// The address to listen on: 0.0.0.0 for all that this machine has
    #[arg(long, value_name = "H", default_value = "127.0.0.1")]
    host: String,

    /// The name or address that clients are told to connect to, where it is not that of --host
    #[arg(long, value_name = "H")]
    advertise: Option<String>,

    /// A topic, with P partitions and R replicas; may be repeated
    #[arg(long = "topic", value_name = "T[:P[:R]]", value_parser = TopicArg::parse)]
    topics: Vec<TopicArg>,

    /// A setting by Kafka's own name, as in --setting num.partitions=3; may be repeated
    #[arg(long = "setting", short = 'X', value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,

    /// A file of settings, as Kafka's server.properties; what is said here goes before what it says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Write what is printed into this file as well, once the brokers are ready; it is removed at the end
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
When the brokers are ready, it prints lines of NAME=VALUE, and no more:
  bootstrap.servers=127.0.0.1:9092
  topic=orders:6
so that a program that started it can read the first line, and a script can wait for the file of --ready-file:
  milena broker --port 0 --topic orders:6 --ready-file ready &
  until [ -f ready ]; do sleep 0.1; done
  bootstrap=$(sed -n 's/^bootstrap.servers=//p' ready)
Topics that clients use are created, unless auto.create.topics.enable=false says
otherwise. Nothing is written to disk: what was produced is gone when the command ends, at Ctrl-C or when it is asked to.";

/// `NAME=VALUE`
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is written as name=value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub fn run(args: Args) -> Result<(), Failure> {
    let settings = settings(&args)?;
    let topics = topics(&args, &settings);
    let builder = builder(&args, settings, &topics);
    if let Some(file) = &args.ready_file {
        ready::forget(file)?;
    }
    let broker = builder.start_blocking();
    let broker = broker.map_err(|error| refused(&args, error))?;
    let lines = ready::lines(&broker, &topics);
    block_on(async {
        let mut stop = pin!(stop_signal());
        // Whoever reads that it is ready may end it at once: by then it has to be listening for that.
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            () = std::future::ready(()) => {}
        }
        let _file =
            args.ready_file.as_deref().map(|file| ready::ReadyFile::write(file, &lines)).transpose()?;
        ready::print(&lines)?;
        eprintln!("milena: {} until Ctrl-C", running(&broker));
        stop.await;
        Ok(())
    })
}

fn running(broker: &Broker) -> String {
    match broker.addresses().len() {
        1 => "1 broker runs".to_owned(),
        count => format!("{count} brokers run"),
    }
}

/// What the file says, then what the options say.
fn settings(args: &Args) -> Result<Settings, Failure> {
    let mut settings = Settings::default();
    if let Some(file) = &args.config {
        server_properties::read(file, &mut settings)?;
    }
    for (name, value) in &args.settings {
        settings.set(name, value).unwrap_or_else(|problem| crate::usage(problem));
    }
    Ok(settings)
}

/// The topics, with all that was not said of them.
fn topics(args: &Args, settings: &Settings) -> Vec<(TopicArg, usize)> {
    let default = settings.value("num.partitions").and_then(|count| count.parse().ok()).unwrap_or(1);
    args.topics.iter().map(|topic| (topic.clone(), topic.partitions.unwrap_or(default))).collect()
}

fn builder(args: &Args, settings: Settings, topics: &[(TopicArg, usize)]) -> Builder {
    let host = host(&args.host).unwrap_or_else(|problem| crate::usage(problem));
    let ports = ports(args).unwrap_or_else(|problem| crate::usage(problem));
    let mut builder = Broker::builder()
        .brokers(args.brokers.into())
        .host(host)
        .ports(ports)
        .racks(args.racks.iter().cloned())
        .settings(settings);
    if let Some(name) = &args.advertise {
        builder = builder.advertised_host(name);
    }
    for (topic, partitions) in topics {
        builder =
            builder.topic_with(&topic.name, *partitions, topic.replicas, Vec::<(String, String)>::new());
    }
    builder
}

/// One for each broker.
fn ports(args: &Args) -> Result<Vec<u16>, String> {
    if args.port == 0 {
        return Ok(vec![0; args.brokers.into()]);
    }
    let last = args.port.checked_add(args.brokers - 1).ok_or_else(|| {
        format!("--port {} leaves no room for {} brokers below 65536", args.port, args.brokers)
    })?;
    Ok((args.port..=last).collect())
}

/// The address of this name.
fn host(name: &str) -> Result<IpAddr, String> {
    let mut found = match (name, 0).to_socket_addrs() {
        Ok(found) => found.map(|address| address.ip()).collect::<Vec<_>>(),
        Err(error) => return Err(format!("--host {name} is no address of this machine: {error}")),
    };
    // Of the addresses of a name, clients try those of IPv4 in any case.
    found.sort_by_key(|address| address.is_ipv6());
    Ok(found.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
}

/// Why the brokers could not be started, and what can be done.
fn refused(args: &Args, error: StartError) -> Failure {
    match error {
        StartError::Listen(address, cause) => Failure::Other(cannot_listen(args, address, &cause)),
        // Everything else was said at the command line.
        error @ (StartError::Setting(_) | StartError::Topic(..) | StartError::Brokers(_)) => {
            crate::usage(error)
        }
        error => Failure::of(error),
    }
}

fn cannot_listen(args: &Args, address: SocketAddr, cause: &io::Error) -> String {
    let port = address.port();
    match cause.kind() {
        io::ErrorKind::AddrInUse if args.brokers == 1 => format!(
            "port {port} is in use; choose another with --port, or let the system choose with --port 0"
        ),
        io::ErrorKind::AddrInUse => format!(
            "port {port} is in use, and {} brokers from --port {} on need it; choose another --port, or let the \
             system choose with --port 0",
            args.brokers, args.port
        ),
        io::ErrorKind::PermissionDenied => {
            format!("port {port} is not for everybody; choose one from 1024 on with --port")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine; choose another --host", address.ip())
        }
        _ => format!("cannot listen on {address}: {cause}"),
    }
}
