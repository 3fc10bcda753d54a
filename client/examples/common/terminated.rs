//! Being told to end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Comes with SIGTERM or Ctrl-C.
pub fn terminated() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
