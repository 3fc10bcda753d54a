//! A cluster is steered while clients are connected.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use milena_broker::{Broker, Fault, SteerError};
use milena_protocol::Api;

/// ApiVersions v0 with the correlation id 7 and no client id.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// Whether a broker answers on a connection.
fn answers(stream: &mut TcpStream) -> bool {
    let mut size = [0; 4];
    if stream.write_all(&API_VERSIONS).is_err() || stream.read_exact(&mut size).is_err() {
        return false;
    }
    let mut answer = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut answer).is_ok() && answer[..4] == [0, 0, 0, 7]
}

#[test]
fn a_broker_stops_and_comes_back_on_its_port() {
    let broker = Broker::builder().brokers(2).start_blocking().unwrap();
    let control = broker.control();
    let [first, second] = broker.addresses() else { panic!("there are two") };
    let (mut goes, mut stays) = (connect(*first).unwrap(), connect(*second).unwrap());
    assert!(answers(&mut goes) && answers(&mut stays));
    for _ in 0..3 {
        control.stop_broker(1).unwrap();
        assert!(connect(*first).is_err(), "nobody listens");
        assert!(!answers(&mut goes));
        assert!(answers(&mut stays));
        control.start_broker(1).unwrap();
        goes = connect(*first).unwrap();
        assert!(answers(&mut goes));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn async_code_and_many_threads_can_steer() {
    let broker = Broker::builder().topic("t", 1).start().await.unwrap();
    let control = broker.control();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let control = control.clone();
            std::thread::spawn(move || (0..25).try_for_each(|_| control.bump_leader_epoch("t", 0)))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(control.leader("t", 0), Ok((Some(1), 100)));
}

#[test]
fn clients_are_cut_off_by_name() {
    let broker = Broker::start_blocking().unwrap();
    let mut stream = connect(broker.addresses()[0]).unwrap();
    // The same with the client id "me".
    stream.write_all(&[0, 0, 0, 12, 0, 18, 0, 0, 0, 0, 0, 7, 0, 2, b'm', b'e']).unwrap();
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    stream.read_exact(&mut vec![0; u32::from_be_bytes(size) as usize]).unwrap();
    let control = broker.control();
    assert_eq!(control.disconnect("you"), Ok(0));
    assert_eq!(control.disconnect("me"), Ok(1));
    assert!(!answers(&mut stream));
}

#[test]
fn a_cluster_that_is_gone_cannot_be_steered() {
    let broker = Broker::start_blocking().unwrap();
    let control = broker.control();
    drop(broker);
    while control.evict_fetch_sessions().is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(control.stop_broker(1), Err(SteerError::Gone));
}

#[test]
fn faults_strike_clients_that_are_real() {
    let broker = Broker::start_blocking().unwrap();
    let (control, address) = (broker.control(), broker.addresses()[0]);
    let cut = control.fault(Fault::on(Api::ApiVersions).truncate(6)).unwrap();
    let closed = control.fault(Fault::on(Api::ApiVersions).disconnect()).unwrap();
    let late = control.fault(Fault::on(Api::ApiVersions).delay(Duration::from_millis(20))).unwrap();
    let mut stream = connect(address).unwrap();
    stream.write_all(&API_VERSIONS).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!((all.len(), &all[4..]), (6, &[0, 0][..]));
    assert!(!answers(&mut connect(address).unwrap()));
    let mut stream = connect(address).unwrap();
    let before = std::time::Instant::now();
    assert!(answers(&mut stream));
    assert!(before.elapsed() >= Duration::from_millis(20));
    assert_eq!((cut.fired(), closed.fired(), late.fired()), (1, 1, 1));
    assert!(answers(&mut stream));
    assert_eq!(late.remove(), 1);
}

#[test]
fn a_request_that_is_lost_is_never_answered_and_the_others_go_on() {
    let broker = Broker::start_blocking().unwrap();
    let (control, address) = (broker.control(), broker.addresses()[0]);
    let lost = control.fault(Fault::on(Api::ApiVersions).drop_request()).unwrap();
    let mut hangs = connect(address).unwrap();
    hangs.write_all(&API_VERSIONS).unwrap();
    while lost.fired() == 0 {
        std::thread::yield_now();
    }
    assert!(answers(&mut connect(address).unwrap()));
    hangs.set_nonblocking(true).unwrap();
    assert!(hangs.read(&mut [0]).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock));
}

#[test]
fn a_frozen_broker_still_answers() {
    let broker = Broker::start_blocking().unwrap();
    let control = broker.control();
    control.freeze_time().unwrap();
    let late = Fault::on(Api::ApiVersions).delay(Duration::from_secs(3600));
    control.fault(late).unwrap();
    let mut stream = connect(broker.addresses()[0]).unwrap();
    stream.write_all(&API_VERSIONS).unwrap();
    assert!(answers(&mut connect(broker.addresses()[0]).unwrap()));
    control.advance_time(Duration::from_secs(3600)).unwrap();
    stream.read_exact(&mut [0; 8]).unwrap();
}

#[test]
fn a_predicate_that_steers_is_refused_and_does_not_wait_for_itself() {
    let broker = Broker::start_blocking().unwrap();
    let control = broker.control();
    let inner = control.clone();
    let tries = move |_: &milena_protocol::Request| inner.stop_broker(1) == Err(SteerError::InPredicate);
    let fault = control.fault(Fault::on(Api::ApiVersions).when(tries).delay(Duration::ZERO)).unwrap();
    assert!(answers(&mut connect(broker.addresses()[0]).unwrap()));
    assert_eq!(fault.fired(), 1);
}
