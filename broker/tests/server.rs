//! The server, over sockets.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use milena_broker::{Broker, StartError};
use milena_codec::ClientCodec;
use milena_protocol::messages::metadata::MetadataRequestTopic;
use milena_protocol::messages::{ApiVersionsRequest, MetadataRequest, MetadataResponse};
use milena_protocol::{Api, Limits, Request, RequestMessage, ResponseBody};
use tokio_util::codec::Framed;

/// Sends a request on a connection of its own.
async fn ask<M: RequestMessage>(address: SocketAddr, version: i16, message: M) -> ResponseBody {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut connection = Framed::new(stream, ClientCodec::new(Limits::default()));
    connection.send(Request::new(message, version, 1, Some("test".into()))).await.unwrap();
    connection.next().await.unwrap().unwrap().body
}

async fn metadata(address: SocketAddr, topic: &str) -> MetadataResponse {
    let mut request = MetadataRequest::default();
    request.topics = Some(vec![MetadataRequestTopic::new(topic)]);
    match ask(address, 13, request).await {
        ResponseBody::Metadata(response) => response,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_cluster_tells_of_its_brokers_and_topics() {
    let broker = Broker::builder().brokers(3).racks(["a", "b"]).topic("orders", 4).start().await.unwrap();
    let response = metadata(broker.addresses()[1], "orders").await;
    let ports: Vec<i32> = response.brokers.iter().map(|broker| broker.port).collect();
    let listening: Vec<i32> = broker.addresses().iter().map(|a| i32::from(a.port())).collect();
    assert_eq!(ports, listening);
    let racks: Vec<&str> = response.brokers.iter().map(|broker| broker.rack.as_deref().unwrap()).collect();
    assert_eq!(racks, ["a", "b", "a"]);
    let partitions = &response.topics[0].partitions;
    assert_eq!((partitions.len(), partitions[0].replica_nodes.len()), (4, 3));
    assert_eq!(broker.bootstrap_servers().split(',').count(), 3);
}

#[test]
fn code_that_is_not_async_can_have_one_and_share_it() {
    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    let broker = Broker::start_blocking().unwrap();
    is_shared(&broker);
    assert!(TcpStream::connect(broker.addresses()[0]).is_ok());
}

#[tokio::test]
async fn a_dropped_broker_is_gone_at_once_with_its_connections() {
    let broker = Broker::start().await.unwrap();
    let address = broker.addresses()[0];
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut connection = Framed::new(stream, ClientCodec::new(Limits::default()));
    connection.send(Request::new(ApiVersionsRequest::default(), 0, 1, None)).await.unwrap();
    assert!(connection.next().await.unwrap().is_ok());
    let before = Instant::now();
    drop(broker);
    assert!(before.elapsed() < Duration::from_millis(100));
    assert!(connection.next().await.is_none_or(|read| read.is_err()));
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn t22_an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let broker = Broker::start().await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(broker.addresses()[0]).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // ApiVersions v99, correlation id 7, no client id.
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff]).await.unwrap();
    let mut answer = [0; 20];
    stream.read_exact(&mut answer).await.unwrap();
    // Size, correlation id, error 35, one API: ApiVersions, 0 to 4.
    assert_eq!(answer, [0, 0, 0, 16, 0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
}

#[tokio::test]
async fn a_client_that_speaks_no_kafka_is_cut_off_and_the_others_go_on() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let broker = Broker::start().await.unwrap();
    let address = broker.addresses()[0];
    let mut stranger = tokio::net::TcpStream::connect(address).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(stranger.read(&mut [0; 1]).await.unwrap_or(0), 0);
    match ask(address, 0, ApiVersionsRequest::default()).await {
        ResponseBody::ApiVersions(response) => {
            assert!(response.api_keys.iter().any(|api| api.api_key == Api::Fetch.key()));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_can_come_in_pieces() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let broker = Broker::start().await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(broker.addresses()[0]).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff] {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[4..], [0, 0, 0, 7, 0, 0]);
}

#[tokio::test]
async fn the_ports_can_be_given() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broker = Broker::builder().ports([free]).start().await.unwrap();
    assert_eq!(broker.addresses()[0].port(), free);
    let error = Broker::builder().ports([free]).start().await.unwrap_err();
    assert!(matches!(error, StartError::Listen(..)), "{error}");
}

#[test]
fn the_port_of_a_broker_that_was_dropped_can_be_had_at_once() {
    let mut broker = Broker::start_blocking().unwrap();
    let port = broker.addresses()[0].port();
    for _ in 0..200 {
        std::net::TcpStream::connect(broker.addresses()[0]).unwrap();
        drop(broker);
        broker = Broker::builder().ports([port]).start_blocking().unwrap();
    }
}

#[tokio::test]
async fn when_a_broker_was_stopped_nobody_has_its_port() {
    for _ in 0..50 {
        let broker = Broker::start().await.unwrap();
        let address = broker.addresses()[0];
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        broker.stop();
        assert_eq!(std::io::Read::read(&mut stream, &mut [0]).unwrap_or(0), 0);
        std::net::TcpListener::bind(address).unwrap();
    }
}

#[tokio::test]
async fn what_is_not_possible_is_said_before_anything_starts() {
    let error = |builder: milena_broker::Builder| builder.start_blocking().unwrap_err().to_string();
    let text = error(Broker::builder().setting("num.partition", 1).setting("also.wrong", 2));
    assert_eq!(text, "there is no setting num.partition; did you mean num.partitions?");
    let text = error(Broker::builder().topic("a b", 1));
    assert!(text.starts_with("topic \"a b\" is not possible"), "{text}");
    let text = error(Broker::builder().topic("t", 1).topic("t", 2));
    assert_eq!(text, "topic \"t\" is not possible: it is named twice");
    let text = error(Broker::builder().topic_with("t", 1, Some(2), [("retention.ms", 1)]));
    assert_eq!(text, "topic \"t\" is not possible: it can have from one replica up to one on each broker");
    let text = error(Broker::builder().topic_with("t", 1, None, [("retention", 1)]));
    assert!(text.starts_with("there is no setting retention"), "{text}");
    assert_eq!(error(Broker::builder().brokers(0)), "a cluster has from 1 to 100 brokers, not 0");
}
