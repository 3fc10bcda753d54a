//! Asks a broker what it can do and which topics it has: `framed_client localhost:9092`.

use futures_util::{SinkExt, TryStreamExt};
use milena_codec::ClientCodec;
use milena_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use milena_protocol::{Api, Request, RequestBody, RequestHeader};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("which broker? host:port")?;
    let mut broker = Framed::new(TcpStream::connect(address).await?, ClientCodec::default());

    let mut hello = ApiVersionsRequest::default();
    hello.client_software_name = "framed-client".into();
    hello.client_software_version = "1".into();
    broker.send(request(Api::ApiVersions, 3, 1, RequestBody::ApiVersions(hello))).await?;
    let mut wanted = MetadataRequest::default();
    wanted.topics = None; // all of them
    broker.send(request(Api::Metadata, 9, 2, RequestBody::Metadata(wanted))).await?;

    for _ in 0..2 {
        println!("{:#?}", broker.try_next().await?.ok_or("the broker closed the connection")?.body);
    }
    Ok(())
}

fn request(api: Api, version: i16, correlation_id: i32, body: RequestBody) -> Request {
    Request { header: RequestHeader::new(api, version, correlation_id, Some("framed-client".into())), body }
}
