//! Lookups, whatever the consumer is at.

use std::time::Duration;

use milena_protocol::{Api, RequestBody, Str};

use super::sim::{Sim, config, t};
use crate::core::io::{Answer, CallId, Command};
use crate::core::lookups::{Found, Question};
use crate::core::topic_partition::TopicPartition;
use crate::{Config, Error};

const SECOND: Duration = Duration::from_secs(1);

fn look_up(sim: &mut Sim, question: Question) -> CallId {
    sim.call(Command::LookUp { question, deadline: sim.now + 10 * SECOND })
}

fn found(sim: &mut Sim, question: Question) -> Result<Found, Error> {
    let call = look_up(sim, question);
    sim.pass(SECOND);
    match sim.answers.remove(&call).unwrap()? {
        Answer::Found(found) => Ok(found),
        answer => panic!("{answer:?}"),
    }
}

fn ends_of_both() -> Question {
    Question::EndOffsets([t(0), t(1)].into())
}

fn at_zero() -> Found {
    Found::Ends([(t(0), 0), (t(1), 0)].into())
}

/// The APIs that were asked, in their order.
fn asked(sim: &Sim) -> Vec<Api> {
    sim.sent.iter().map(|sent| sent.api).filter(|api| *api != Api::ApiVersions).collect()
}

#[test]
fn a_consumer_without_group_and_subscription_looks_things_up() {
    let mut sim = Sim::new(Config::new("seed:9092").unwrap());
    assert_eq!(found(&mut sim, ends_of_both()), Ok(at_zero()));
    assert_eq!(asked(&sim), [Api::Metadata, Api::ListOffsets]);

    let Ok(Found::Partitions(partitions)) = found(&mut sim, Question::PartitionsFor("t".into())) else {
        panic!();
    };
    assert_eq!(partitions.iter().map(|info| info.partition).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(found(&mut sim, Question::PartitionsFor("u".into())), Ok(Found::Partitions(vec![])));

    let Ok(Found::Topics(topics)) = found(&mut sim, Question::ListTopics) else { panic!() };
    assert_eq!(topics.into_keys().collect::<Vec<_>>(), [Str::from("t")]);
}

#[test]
fn what_the_subscription_knows_is_used_and_stays_as_it_is() {
    let mut sim = Sim::joined(config());
    assert_eq!(found(&mut sim, ends_of_both()), Ok(at_zero()));
    assert_eq!(sim.times(Api::Metadata).len(), 0, "the leaders are known");

    let stranger = Question::PartitionsFor("u".into());
    assert_eq!(found(&mut sim, stranger), Ok(Found::Partitions(vec![])));
    let about_topics = |sim: &Sim| -> Vec<Option<Vec<Str>>> {
        let requests = sim.sent.iter().filter_map(|sent| match &sent.body {
            RequestBody::Metadata(request) => Some(request),
            _ => None,
        });
        let names = requests.map(|request| {
            let topics = request.topics.as_ref()?.iter();
            Some(topics.filter_map(|topic| topic.name.clone()).collect())
        });
        names.collect()
    };
    assert_eq!(about_topics(&sim), [Some(vec!["u".into()])]);
    sim.pass(300 * SECOND);
    assert_eq!(about_topics(&sim), [Some(vec!["u".into()]), Some(vec!["t".into()])], "metadata.max.age.ms");
}

#[test]
fn a_lookup_survives_a_connection_that_breaks() {
    let mut sim = Sim::joined(config());
    sim.no_answer(Api::ListOffsets);
    let call = look_up(&mut sim, ends_of_both());
    sim.cut(Api::ListOffsets);
    // Each question waits behind a Fetch.
    sim.pass(2 * SECOND);
    assert_eq!(sim.answers[&call], Ok(Answer::Found(at_zero())));
    let again = asked(&sim).into_iter().filter(|api| *api != Api::Fetch).collect::<Vec<_>>();
    assert_eq!(again[..2], [Api::ListOffsets, Api::Metadata], "others may lead by now");
}

#[test]
fn a_lookup_ends_at_its_deadline_when_nobody_can_be_reached_and_says_why() {
    let mut sim = Sim::new(Config::new("seed:9092").unwrap());
    sim.is_down = true;
    let call = look_up(&mut sim, Question::ListTopics);
    sim.pass(9 * SECOND);
    assert!(!sim.answers.contains_key(&call));
    sim.pass(SECOND);
    let error = Error::Unreachable { address: "seed:9092".into(), cause: "refused".into() };
    assert_eq!(sim.answers[&call], Err(error));
}

#[test]
fn a_topic_that_does_not_exist_has_no_ends_in_time() {
    let mut sim = Sim::joined(config());
    let call = look_up(&mut sim, Question::EndOffsets([TopicPartition::new("u", 0)].into()));
    sim.pass(10 * SECOND);
    let error = Error::Timeout { doing: "looking up offsets", after: 10 * SECOND };
    assert_eq!(sim.answers[&call], Err(error));
    assert!(sim.times(Api::Metadata).len() < 20, "A17: {:?}", sim.times(Api::Metadata));
}
