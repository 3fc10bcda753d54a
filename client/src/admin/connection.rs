//! A connection to one broker, which asks one question at a time.

use std::ops::RangeInclusive;
use std::time::Instant;

use futures_util::{SinkExt, TryStreamExt};
use milena_codec::ClientCodec;
use milena_protocol::{Api, ErrorCode, Limits, Request, RequestMessage, ResponseBody, Str};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use crate::core::connection::{ConnectionSettings, api_versions, newest_known};
use crate::core::metadata::Address;
use crate::core::throttle::hold_back;
use crate::core::versions::Versions;
use crate::driver::{SocketSettings, connect};

pub(super) struct Connection {
    stream: Framed<TcpStream, ClientCodec>,
    client_id: Option<Str>,
    next_correlation_id: i32,
    versions: Versions,
    throttled_until: Option<Instant>,
}

/// How connections are made.
pub(super) struct Dialing {
    pub(super) settings: ConnectionSettings,
    pub(super) sockets: SocketSettings,
}

impl Connection {
    /// Connects, and asks for the broker's versions. An error is for people to read, as that of [`ask`](Self::ask).
    pub(super) async fn open(address: &Address, attempt: usize, dialing: &Dialing) -> Result<Self, String> {
        let Dialing { settings, sockets } = dialing;
        let stream = timeout(settings.setup_timeout, connect(address.clone(), attempt, *sockets))
            .await
            .map_err(|_| format!("no connection within {:?}", settings.setup_timeout))?
            .map_err(|error| error.to_string())?;
        let mut connection = Connection {
            stream: Framed::new(stream, ClientCodec::new(Limits::default())),
            client_id: settings.client_id.clone(),
            next_correlation_id: 0,
            versions: Versions::default(),
            throttled_until: None,
        };
        connection.greet().await?;
        Ok(connection)
    }

    /// KIP-511: a broker that does not know the version says which it knows.
    async fn greet(&mut self) -> Result<(), String> {
        let mut version = *Api::ApiVersions.versions().end();
        loop {
            let ResponseBody::ApiVersions(answer) = self.ask(api_versions(), version).await? else {
                return Err("the broker did not answer ApiVersions with ApiVersions".to_owned());
            };
            match answer.error_code {
                ErrorCode::NONE => {
                    self.versions = Versions::new(&answer);
                    return Ok(());
                }
                ErrorCode::UNSUPPORTED_VERSION if newest_known(&answer) < version => {
                    version = newest_known(&answer);
                }
                error => return Err(format!("the broker answered ApiVersions with {error}")),
            }
        }
    }

    /// The newest version of an API that both sides know, within these.
    pub(super) fn version(&self, api: Api, versions: &RangeInclusive<i16>) -> Option<i16> {
        self.versions.newest_up_to(api, *versions.end()).filter(|version| versions.contains(version))
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask<M: RequestMessage>(
        &mut self,
        message: M,
        version: i16,
    ) -> Result<ResponseBody, String> {
        if let Some(until) = self.throttled_until.take() {
            tokio::time::sleep_until(until.into()).await;
        }
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1);
        let request = Request::new(message, version, correlation_id, self.client_id.clone());
        self.stream.send(request).await.map_err(|error| error.to_string())?;
        let response = self.stream.try_next().await.map_err(|error| error.to_string())?;
        let response = response.ok_or("closed by the broker")?;
        let held_back = hold_back(&response.body, version);
        self.throttled_until = (!held_back.is_zero()).then(|| Instant::now() + held_back);
        Ok(response.body)
    }
}
