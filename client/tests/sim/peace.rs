//! What happens to every group, and is no fault: when all is well, it must cost nobody anything.

use milena_broker::core::steering::Steer;

use crate::history::{GROUP, NODES};
use crate::run::{QUIET, settle, unfinished};
use crate::world::World;

/// Nobody loses a partition from now on, whatever of this happens.
pub fn keep(world: &mut World) {
    world.ledger.is_peace = true;
    match world.rng.below(3) {
        0 => move_coordinator(world),
        1 => {
            world.join(None);
            settle(world);
        }
        _ => {
            let members = world.members.len();
            if let Some(member) = world.members.values_mut().next_back().filter(|_| members > 1) {
                world.trace.note(&member.application.name, || "is to leave in peace");
                member.application.leave();
                settle(world);
            }
        }
    }
}

/// The group does not change by it.
fn move_coordinator(world: &mut World) {
    let before = world.ledger.owners();
    let coordinator = world.broker.group_coordinator(GROUP);
    let mut others = (1..=NODES).filter(|node| Some(*node) != coordinator);
    let moved = others.find(|&node_id| {
        let steer = Steer::MoveGroupCoordinator { group_id: GROUP.to_owned(), node_id };
        world.broker.steer(steer, world.clock.now).is_ok()
    });
    world.trace.note("peace", || format!("the coordinator moves from {coordinator:?} to {moved:?}"));
    world.run_broker();
    // Longer than a session.
    let end = world.clock.now + QUIET + QUIET / 4;
    while world.clock.now < end {
        world.step(end);
    }
    assert_eq!(unfinished(world), None, "after the coordinator has moved");
    assert_eq!(world.ledger.owners(), before, "a coordinator that moves changes nothing");
}
