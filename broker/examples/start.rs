//! How long it takes to have a broker, and to be rid of it.
//!
//!     cargo run --release -p milena-broker --example start [-- RUNS]
//!
//! Each run starts a cluster, asks it two things over a socket, and drops it, with clients connected. It ends with exit code 1
//! where the median of a start, or of a first answer, is above five milliseconds.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use milena_broker::{Broker, Builder};

/// What the median has to stay below.
const LIMIT: Duration = Duration::from_millis(5);

/// ApiVersions v0 and Metadata v1 of all topics, with the correlation id 7 and no client id.
const API_VERSIONS: &[u8] = &[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
const METADATA: &[u8] = &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// How many clients are connected when a broker is dropped.
const CLIENTS: usize = 20;

/// What is measured, from the start on, but for the last.
const STEPS: [&str; 4] =
    ["started", "first ApiVersions answered", "first Metadata answered", "dropped, in itself"];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let runs = match std::env::args().nth(1) {
        Some(runs) => runs.parse()?,
        None => 200,
    };
    println!("{:<48}{:>10}{:>10}{:>10}   of {runs} runs", "", "median", "p99", "worst");
    let one = measure("one broker", runs, Broker::builder)?;
    let three = measure("three brokers, a topic of 100 partitions", runs, || {
        Broker::builder().brokers(3).topic("orders", 100)
    })?;
    Ok(if one && three { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the times of one kind of cluster. Gives back whether they are good.
fn measure(name: &str, runs: usize, builder: impl Fn() -> Builder) -> Result<bool, Box<dyn Error>> {
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..runs.max(1) {
        for (all, time) in times.iter_mut().zip(run(builder())?) {
            all.push(time);
        }
    }
    println!("{name}");
    let mut is_good = true;
    for (step, times) in STEPS.iter().zip(&mut times) {
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
        println!("  {step:<46}{:>10}{:>10}{:>10}", ms(at(0.5)), ms(at(0.99)), ms(at(1.0)));
        is_good &= at(0.5) < LIMIT;
    }
    Ok(is_good)
}

fn run(builder: Builder) -> Result<[Duration; 4], Box<dyn Error>> {
    let start = Instant::now();
    let broker = builder.start_blocking()?;
    let started = start.elapsed();
    let mut client = TcpStream::connect(broker.addresses()[0])?;
    client.set_nodelay(true)?;
    ask(&mut client, API_VERSIONS)?;
    let answered = start.elapsed();
    ask(&mut client, METADATA)?;
    let told = start.elapsed();
    let mut others = Vec::new();
    for _ in 0..CLIENTS {
        let mut other = TcpStream::connect(broker.addresses()[0])?;
        ask(&mut other, API_VERSIONS)?;
        others.push(other);
    }
    let before = Instant::now();
    drop(broker);
    Ok([started, answered, told, before.elapsed()])
}

fn ask(client: &mut TcpStream, request: &[u8]) -> std::io::Result<()> {
    client.write_all(request)?;
    let mut size = [0; 4];
    client.read_exact(&mut size)?;
    client.read_exact(&mut vec![0; u32::from_be_bytes(size) as usize])
}
