//! Connections, fetch sessions and members come to an end.

use std::time::Instant;

use super::{SteerError, Whom};
use crate::core::Core;

impl Core {
    /// Closes connections, and gives back how many.
    pub(super) fn disconnect(&mut self, whom: &Whom) -> Result<usize, SteerError> {
        if let Whom::Broker(node_id) = whom {
            self.known_broker(*node_id)?;
        }
        let connections = self.requests.connections_where(|connection| match whom {
            Whom::All => true,
            Whom::Broker(node_id) => connection.node_id == *node_id,
            Whom::Client(client_id) => connection.client_id.as_deref() == Some(client_id),
        });
        for connection in &connections {
            self.close(*connection);
        }
        Ok(connections.len())
    }

    pub(super) fn end_session(
        &mut self,
        group_id: &str,
        member_id: &str,
        now: Instant,
    ) -> Result<(), SteerError> {
        match self.groups.end_session(group_id, member_id, &self.cluster.catalog, now) {
            true => Ok(()),
            false => Err(SteerError::NoMember {
                group_id: group_id.to_owned(),
                member_id: member_id.to_owned(),
                members: self.group_members(group_id),
            }),
        }
    }
}
