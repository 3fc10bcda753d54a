//! A consumer: the core, and the application that has it.

use std::time::Instant;

use milena_client::core::consumer::Core;
use milena_client::core::report::Report;
use milena_protocol::{Response, ResponseBody};

use crate::application::Application;

#[derive(Debug)]
pub struct Member {
    pub core: Core,
    pub application: Application,
    pub instance: Option<String>,
    /// When the core wants to be looked at again.
    pub deadline: Option<Instant>,
    /// There is nothing left to do.
    pub is_finished: bool,
    /// The id by which the group knows it.
    pub member_id: String,
}

impl Member {
    /// When it will do something by itself.
    pub fn wakes_at(&self) -> Option<Instant> {
        [self.deadline, self.application.wakes_at()].into_iter().flatten().min()
    }
}

/// The generation, or member epoch, that an answer of the coordinator brings, and the member's id.
pub fn generation(response: &Response) -> Option<(i32, Option<&str>)> {
    match &response.body {
        ResponseBody::JoinGroup(answer) if answer.error_code.is_none() => {
            Some((answer.generation_id, Some(&answer.member_id)))
        }
        ResponseBody::ConsumerGroupHeartbeat(answer)
            if answer.error_code.is_none() && answer.member_epoch > 0 =>
        {
            Some((answer.member_epoch, answer.member_id.as_deref()))
        }
        _ => None,
    }
}

/// A line for the trace.
pub fn line(report: &Report) -> String {
    format!("{report:?}")
}
