//! What becomes of a record, as a future.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::core::producer::io::{RecordMetadata, SendId};
use crate::driver::Shared;
use crate::error::Error;

/// Where a record is in the log, or why it is not. The record is on its way whether or not this is awaited; dropping it means
/// not to want to know.
#[must_use = "it tells whether the record was delivered; `drop` it to send and forget"]
pub struct Delivery(State);

enum State {
    Sent { shared: Arc<Shared>, id: SendId },
    Failed(Error),
    Over,
}

impl Delivery {
    pub(super) fn new(shared: Arc<Shared>, id: SendId) -> Self {
        Delivery(State::Sent { shared, id })
    }

    pub(super) fn failed(error: Error) -> Self {
        Delivery(State::Failed(error))
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Sent { shared, id } = &self.0 {
            let Some(sent) = shared.poll(*id, context.waker()) else { return Poll::Pending };
            self.0 = State::Over;
            return Poll::Ready(sent);
        }
        match std::mem::replace(&mut self.0, State::Over) {
            State::Failed(error) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Err(Error::Closed)),
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let State::Sent { shared, id } = &self.0 {
            shared.forget(*id);
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").finish_non_exhaustive()
    }
}
