//! ConsumerGroupHeartbeat and ConsumerGroupDescribe: what members ask whose coordinator assigns (KIP-848).

use milena_protocol::messages::consumer_group_describe::DescribedGroup;
use milena_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
};
use milena_protocol::{ErrorCode, Str};

use super::Groups;
use super::admin::ALL_OPERATIONS;
use super::consumer::{self, ConsumerGroup, Refusal};
use super::group::Group;
use crate::core::catalog::Catalog;
use crate::core::requests::Context;

impl Groups {
    /// Answers ConsumerGroupHeartbeat.
    pub fn consumer_group_heartbeat(
        &mut self,
        context: &Context<'_>,
        request: ConsumerGroupHeartbeatRequest,
        catalog: &Catalog,
    ) {
        self.see(catalog);
        let outcome = consumer::check_request(
            context.version,
            &request,
            &self.shared.settings.group_consumer_assignors,
        )
        .and_then(|()| self.consumer_heartbeat(context, &request, catalog));
        let response = outcome.unwrap_or_else(|refusal| {
            let mut response = ConsumerGroupHeartbeatResponse::default();
            response.error_code = refusal.error;
            response.error_message = Some(Str::from(refusal.message));
            response
        });
        self.shared.answers.now(context, response);
        self.settle_kind(&request.group_id, catalog, context.now);
        if let Some(Group::Consumer(group)) = self.groups.get_mut(&request.group_id) {
            group.refresh_expressions(&self.shared.settings, catalog, context.now);
        }
    }

    fn consumer_heartbeat(
        &mut self,
        context: &Context<'_>,
        request: &ConsumerGroupHeartbeatRequest,
        catalog: &Catalog,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        let id = &request.group_id;
        let joins = request.member_epoch == 0;
        self.note_use(id, context.now);
        let shared = &mut self.shared;
        match self.groups.get_mut(id) {
            Some(Group::Consumer(group)) if request.member_epoch < 0 => group.leave(request, shared, catalog),
            Some(Group::Consumer(group)) => group.heartbeat(context, request, shared, catalog),
            Some(Group::Classic(_)) if !joins => Err(Refusal::new(
                ErrorCode::GROUP_ID_NOT_FOUND,
                format!("group {id} is not a consumer group"),
            )),
            Some(Group::Classic(classic)) if !classic.is_empty() => {
                let mut group = ConsumerGroup::of_classic(classic, id, &shared.settings, catalog)?;
                let response = group.heartbeat(context, request, shared, catalog)?;
                classic.dissolve(shared, context.now);
                group.begin_classic_sessions(shared, context.now);
                self.put_group(id, Group::Consumer(group), context.now);
                Ok(response)
            }
            None if !joins => {
                Err(Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, format!("there is no consumer group {id}")))
            }
            // An empty group changes sides; its offsets stay.
            Some(Group::Classic(_)) | None => {
                self.make_room(id).map_err(|error| Refusal::new(error, "there are too many groups"))?;
                let mut group = ConsumerGroup::new(id.detached());
                let response = group.heartbeat(context, request, &mut self.shared, catalog)?;
                self.put_group(id, Group::Consumer(group), context.now);
                Ok(response)
            }
        }
    }

    /// Answers ConsumerGroupDescribe: consumer groups only.
    pub fn consumer_group_describe(
        &mut self,
        context: &Context<'_>,
        request: ConsumerGroupDescribeRequest,
        catalog: &Catalog,
    ) {
        let refused = |id: &Str, error, message| {
            let mut refused = DescribedGroup::default();
            (refused.group_id, refused.error_code, refused.error_message) = (id.clone(), error, message);
            refused
        };
        let described = |id: &Str| match self.groups.get(id) {
            _ if id.is_empty() => refused(id, ErrorCode::INVALID_GROUP_ID, None),
            Some(Group::Consumer(group)) => {
                let mut described = group.describe(&self.shared.settings, catalog);
                if request.include_authorized_operations {
                    described.authorized_operations = ALL_OPERATIONS;
                }
                described
            }
            found => {
                let message = match found {
                    Some(_) => format!("Group {id} is not a consumer group."),
                    None => format!("Group {id} not found."),
                };
                refused(id, ErrorCode::GROUP_ID_NOT_FOUND, Some(Str::from(message)))
            }
        };
        let mut response = ConsumerGroupDescribeResponse::default();
        response.groups = request.group_ids.iter().map(described).collect();
        self.shared.answers.now(context, response);
    }
}
