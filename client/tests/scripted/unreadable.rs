//! A broker whose answers cannot be read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use milena_client::{Config, Consumer, Error, OffsetReset, TopicPartition};
use milena_protocol::records::BatchBuilder;

use crate::broker::{self, Fetched};

/// The errors that polls bring, until there are so many.
async fn errors(raw: &'static [u8], count: usize) -> Vec<Error> {
    let address = broker::start(1, Box::new(|_| Fetched::Raw(Bytes::from_static(raw)))).await;
    let config = Config::new(&address).unwrap().auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = Consumer::new(config).unwrap();
    consumer.assign([TopicPartition::new("t", 0)]).await.unwrap();
    let mut errors = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while errors.len() < count {
        assert!(Instant::now() < deadline, "{:?}", consumer.notices().collect::<Vec<_>>());
        match consumer.poll(Duration::from_secs(1)).await {
            Ok(records) => assert!(records.is_empty()),
            Err(error) => errors.push(error),
        }
    }
    for error in &errors {
        let Error::Misunderstood { address: whose, api, .. } = error else { panic!("{error}") };
        assert_eq!((whose, *api), (&address, "Fetch"));
    }
    errors
}

#[tokio::test]
async fn a2_an_answer_over_the_limit_is_an_error_and_not_silence() {
    let errors = errors(&[0x7f, 0, 0, 0], 2).await;
    assert!(errors[0].to_string().contains("frame of 2130706432 bytes, over the limit of"), "{}", errors[0]);
}

#[tokio::test]
async fn a2_an_answer_that_is_none_is_an_error_and_not_silence() {
    let errors = errors(&[0, 0, 0, 6, 0, 0, 0, 0, 1, 2], 2).await;
    assert!(!errors[0].is_retriable());
}

#[tokio::test]
async fn reading_goes_on_when_answers_can_be_read_again() {
    let times = AtomicUsize::new(0);
    let script = move |asked: Vec<(i32, i64)>| match times.fetch_add(1, Ordering::Relaxed) {
        0..5 => Fetched::Raw(Bytes::from_static(&[0x7f, 0, 0, 0])),
        _ if asked.contains(&(0, 0)) => {
            let mut batch = BatchBuilder::new();
            batch.append(0, None, Some(b"at last"), &[]).unwrap();
            Fetched::Records(vec![(0, 1, batch.build())])
        }
        _ => Fetched::Records(vec![]),
    };
    let address = broker::start(1, Box::new(script)).await;
    let config = Config::new(&address).unwrap().auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = Consumer::new(config).unwrap();
    consumer.assign([TopicPartition::new("t", 0)]).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut errors = 0;
    loop {
        assert!(Instant::now() < deadline);
        match consumer.poll(Duration::from_secs(1)).await {
            Ok(records) if records.is_empty() => {}
            Ok(records) => {
                assert_eq!(records.iter().next().unwrap().value(), Some(&b"at last"[..]));
                break;
            }
            Err(_) => errors += 1,
        }
    }
    assert!((1..=3).contains(&errors), "{errors}");
}
