//! How long the assignors take: `cargo bench -p milena-client --bench assignors`.
//!
//! 1,000 members and 10,000 partitions in 100 topics, in milliseconds, the best of three. "new": nobody had
//! anything. "rejoin": everybody had what the first assignment gave, and every tenth member has left. Racks:
//! each member is in one of three, each partition in two.

use std::time::{Duration, Instant};

use milena_client::core::assignors::{
    Assignor, ClusterTopics, CooperativeStickyAssignor, GroupAssignment, Member, PartitionInfo,
    RangeAssignor, RoundRobinAssignor, StickyAssignor,
};

const MEMBERS: usize = 1_000;
const TOPICS: usize = 100;
const PARTITIONS: i32 = 100;

fn main() {
    println!("{:20} {:24} {:>8} {:>8}", "assignor", "subscriptions", "new", "rejoin");
    let assignors: [fn() -> Box<dyn Assignor>; 4] = [
        || Box::new(RangeAssignor),
        || Box::new(RoundRobinAssignor),
        || Box::new(StickyAssignor::default()),
        || Box::new(CooperativeStickyAssignor::default()),
    ];
    for new in assignors {
        for racks in [false, true] {
            for (wanted, topics) in [("equal", TOPICS), ("half", TOPICS / 2), ("few", 3)] {
                let cluster = cluster(racks);
                let members: Vec<Member> = (0..MEMBERS).map(|m| member(m, topics, racks)).collect();
                let (first, assignment) = best_of_three(&*new(), &cluster, &members);
                let members = rejoined(members, assignment, new);
                let (second, _) = best_of_three(&*new(), &cluster, &members);
                let subscriptions = format!("{wanted}{}", if racks { ", racks" } else { "" });
                let name = new().name().to_owned();
                println!("{name:20} {subscriptions:24} {:8.1} {:8.1}", ms(first), ms(second));
            }
        }
    }
}

fn cluster(racks: bool) -> ClusterTopics {
    let info = |index: i32| PartitionInfo {
        index,
        racks: match racks {
            true => vec![rack(index as usize), rack(index as usize + 1)],
            false => Vec::new(),
        },
    };
    (0..TOPICS).map(|topic| (topic_name(topic), (0..PARTITIONS).map(info).collect())).collect()
}

fn topic_name(topic: usize) -> String {
    format!("topic-{topic}")
}

fn rack(number: usize) -> String {
    format!("rack-{}", number % 3)
}

/// A member that wants `topics` of the topics, scattered over all.
fn member(number: usize, topics: usize, racks: bool) -> Member {
    let scattered = |step: usize| match topics == TOPICS {
        true => step,
        false => (number * number + step * 7) % TOPICS,
    };
    Member {
        member_id: format!("consumer-{:016x}", (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        topics: (0..topics).map(|step| topic_name(scattered(step))).collect(),
        rack_id: racks.then(|| rack(number)),
        ..Member::default()
    }
}

fn rejoined(
    members: Vec<Member>,
    assignment: GroupAssignment,
    new: fn() -> Box<dyn Assignor>,
) -> Vec<Member> {
    let mut given: std::collections::BTreeMap<_, _> = assignment.into_iter().collect();
    let stay = members.into_iter().enumerate().filter(|(number, _)| number % 10 != 0);
    stay.map(|(_, mut member)| {
        let mut assignor = new();
        member.owned_partitions = given.remove(&member.member_id).unwrap_or_default();
        member.generation_id = 1;
        assignor.on_assignment(&member.owned_partitions, 1);
        member.user_data = assignor.subscription_user_data();
        member
    })
    .collect()
}

fn best_of_three(
    assignor: &dyn Assignor,
    cluster: &ClusterTopics,
    members: &[Member],
) -> (Duration, GroupAssignment) {
    let mut best = Duration::MAX;
    let mut assignment = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        assignment = assignor.assign(cluster, members);
        best = best.min(start.elapsed());
    }
    (best, assignment)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
