//! One connection: a socket under the client's codec, in a task of its own.

use std::io;

use futures_util::{SinkExt, StreamExt};
use milena_codec::{ClientCodec, CodecError};
use milena_protocol::{Api, Limits, Request};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

use crate::core::connection::ConnectionId;
use crate::core::io::{Event, Fault};

/// Waits for the connection, sends what comes from `requests`, and tells what comes back. Its last event is
/// [`Event::Lost`].
pub(super) async fn run(
    connection: ConnectionId,
    connecting: impl Future<Output = io::Result<TcpStream>>,
    limits: Limits,
    requests: mpsc::UnboundedReceiver<Request>,
    events: mpsc::UnboundedSender<Event>,
) {
    let (reason, fault) = match converse(connection, connecting, limits, requests, &events).await {
        Ok(()) => ("closed by the broker".to_owned(), None),
        Err((error, fault)) => (error.to_string(), fault.filter(|_| !error.is_retriable())),
    };
    // Nobody is there to be told when the consumer is gone.
    let _ = events.send(Event::Lost { connection, reason, fault });
}

async fn converse(
    connection: ConnectionId,
    connecting: impl Future<Output = io::Result<TcpStream>>,
    limits: Limits,
    mut requests: mpsc::UnboundedReceiver<Request>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<(), (CodecError, Option<Fault>)> {
    let stream = connecting.await.map_err(|error| (error.into(), None))?;
    let (mut to_broker, mut from_broker) = Framed::new(stream, ClientCodec::new(limits)).split();
    let _ = events.send(Event::Connected { connection });
    let writing = async {
        while let Some(request) = requests.recv().await {
            let fault = Api::from_key(request.header.request_api_key).map(Fault::Request);
            let is_answered = request.expects_response();
            to_broker.send(request).await.map_err(|error| (error, fault))?;
            if !is_answered {
                let _ = events.send(Event::Written { connection });
            }
        }
        Ok(())
    };
    let reading = async {
        while let Some(response) = from_broker.next().await {
            let response = response.map_err(|error| (error, Some(Fault::Answer)))?;
            let response = Box::new(response);
            let _ = events.send(Event::Received { connection, response });
        }
        Ok(())
    };
    // Neither waits for the other: a broker may read the next request only when its last answer was taken.
    tokio::select! {
        ended = writing => ended,
        ended = reading => ended,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use milena_codec::ServerCodec;
    use milena_protocol::messages::fetch::{FetchableTopicResponse, PartitionData};
    use milena_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
    use milena_protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};
    use milena_protocol::{RequestBody, RequestHeader, ResponseBody};
    use tokio::net::TcpListener;

    use super::*;

    /// More than the buffers of two sockets hold.
    const LARGE: Bytes = Bytes::from_static(&[0; 32 << 20]);

    fn request(api: Api, correlation_id: i32, body: RequestBody) -> Request {
        Request { header: RequestHeader::new(api, *api.versions().end(), correlation_id, None), body }
    }

    fn large_produce() -> ProduceRequest {
        let mut partition = PartitionProduceData::default();
        partition.records = Some(LARGE);
        let mut topic = TopicProduceData::default();
        topic.partition_data = vec![partition];
        let mut request = ProduceRequest::default();
        (request.acks, request.topic_data) = (1, vec![topic]);
        request
    }

    fn large_fetch() -> FetchResponse {
        let mut partition = PartitionData::default();
        partition.records = Some(LARGE);
        let mut topic = FetchableTopicResponse::default();
        topic.partitions = vec![partition];
        let mut response = FetchResponse::default();
        response.responses = vec![topic];
        response
    }

    #[tokio::test]
    async fn an_answer_is_read_while_a_large_request_is_written() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (requests, request_receiver) = mpsc::unbounded_channel();
        let (event_sender, mut events) = mpsc::unbounded_channel();
        requests.send(request(Api::Fetch, 1, FetchRequest::default().into())).unwrap();
        requests.send(request(Api::Produce, 2, large_produce().into())).unwrap();
        let client = run(ConnectionId(1), connecting, Limits::default(), request_receiver, event_sender);
        let broker = async {
            // As Kafka does: nothing more is read before the answer is written.
            let mut client = Framed::new(listener.accept().await.unwrap().0, ServerCodec::default());
            for answer in [ResponseBody::from(large_fetch()), ProduceResponse::default().into()] {
                let request = client.next().await.unwrap().unwrap();
                client.send(request.pairing().answer(answer)).await.unwrap();
            }
        };
        let both = async { tokio::join!(client, broker) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("they wait for each other");
        let told = std::iter::from_fn(|| events.try_recv().ok());
        assert_eq!(told.filter(|event| matches!(event, Event::Received { .. })).count(), 2);
    }
}
