//! Asks a broker what it can do and which topics it has: `framed_client localhost:9092`.

use futures_util::{SinkExt, TryStreamExt};
use milena_codec::ClientCodec;
use milena_protocol::Request;
use milena_protocol::messages::{ApiVersionsRequest, MetadataRequest};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("which broker? host:port")?;
    let mut broker = Framed::new(TcpStream::connect(address).await?, ClientCodec::default());

    let mut hello = ApiVersionsRequest::default();
    hello.client_software_name = "framed-client".into();
    hello.client_software_version = "1".into();
    broker.send(Request::new(hello, 3, 1, Some("framed-client".into()))).await?;
    let mut wanted = MetadataRequest::default();
    wanted.topics = None; // all of them
    broker.send(Request::new(wanted, 9, 2, Some("framed-client".into()))).await?;

    for _ in 0..2 {
        println!("{:#?}", broker.try_next().await?.ok_or("the broker closed the connection")?.body);
    }
    Ok(())
}
