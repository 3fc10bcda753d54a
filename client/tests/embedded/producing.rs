//! The producer against the embedded broker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use milena_broker::Broker;
use milena_client::{Acks, Error, Producer, ProducerConfig, ProducerRecord};
use milena_protocol::ErrorCode;
use milena_protocol::records::Compression;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

async fn broker(topic: &str, partitions: i32) -> Broker {
    Broker::builder().topic(topic, partitions as usize).start().await.unwrap()
}

fn config(broker: &Broker) -> ProducerConfig {
    ProducerConfig::new(&broker.bootstrap_servers()).unwrap()
}

fn values(broker: &Broker, topic: &str, partition: i32) -> Vec<String> {
    let records = broker.control().records(topic, partition).unwrap();
    records.into_iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn a_record_is_in_the_log_where_the_future_says() {
    let broker = broker("t", 1).await;
    let producer = Producer::new(config(&broker)).unwrap();
    for i in 0..3 {
        let record = ProducerRecord::new("t").key("k").value("v").header("h", b"1").timestamp(1000 + i);
        let sent = timeout(PATIENCE, producer.send(record)).await.unwrap().unwrap();
        assert_eq!((sent.topic.as_str(), sent.partition, sent.offset), ("t", 0, Some(i)));
        assert_eq!(sent.timestamp, 1000 + i);
    }
    timeout(PATIENCE, producer.close(PATIENCE)).await.unwrap().unwrap();
    assert_eq!(broker.control().log_end_offset("t", 0).unwrap(), 3);
    assert_eq!(producer.send(ProducerRecord::new("t")).await, Err(Error::Closed));
}

#[tokio::test]
async fn every_compression_and_every_acks_brings_all_records_in_order() {
    for compression in Compression::ALL {
        for acks in [Acks::None, Acks::Leader, Acks::All] {
            let broker = broker("t", 1).await;
            let producer = Producer::new(config(&broker).compression_type(compression).acks(acks)).unwrap();
            let wanted: Vec<String> = (0..2000).map(|i| format!("value {i}")).collect();
            for value in &wanted {
                timeout(PATIENCE, producer.ready()).await.unwrap().unwrap();
                drop(producer.send(ProducerRecord::new("t").value(value)));
            }
            timeout(PATIENCE, producer.flush()).await.unwrap().unwrap();
            // Without acks a flush ends when all is written, and the broker may not have read it yet.
            while broker.control().log_end_offset("t", 0).unwrap() < 2000 {
                assert_eq!(acks, Acks::None);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(values(&broker, "t", 0), wanted, "{compression} {acks:?}");
        }
    }
}

#[tokio::test]
async fn a_buffer_that_is_full_holds_senders_back_and_loses_nothing() {
    let broker = broker("t", 4).await;
    let producer = Producer::new(config(&broker).buffer_memory(20_000).batch_size(4_000)).unwrap();
    let value = "x".repeat(500);
    let mut sent = Vec::new();
    for _ in 0..1000 {
        timeout(PATIENCE, producer.ready()).await.unwrap().unwrap();
        sent.push(producer.send(ProducerRecord::new("t").value(&value)));
    }
    let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for sent in sent {
        let sent = timeout(PATIENCE, sent).await.unwrap().unwrap();
        offsets.entry(sent.partition).or_default().push(sent.offset.unwrap());
    }
    assert_eq!(offsets.values().map(Vec::len).sum::<usize>(), 1000);
    for (partition, offsets) in offsets {
        assert_eq!(offsets, (0..offsets.len() as i64).collect::<Vec<_>>(), "{partition}");
    }
}

#[tokio::test]
async fn records_that_wait_for_a_topic_or_a_partition_hold_nobody_up() {
    let broker =
        Broker::builder().setting("auto.create.topics.enable", false).topic("t", 1).start().await.unwrap();
    let producer = Producer::new(config(&broker)).unwrap();
    drop(producer.send(ProducerRecord::new("missing")));
    drop(producer.send(ProducerRecord::new("t").partition(7)));
    for i in 0..10 {
        timeout(PATIENCE / 10, producer.ready()).await.expect("there is room").unwrap();
        let sent = producer.send(ProducerRecord::new("t").value("v"));
        assert_eq!(timeout(PATIENCE / 10, sent).await.unwrap().unwrap().offset, Some(i));
    }
}

#[tokio::test]
async fn there_is_room_as_soon_as_what_waited_has_its_batches() {
    let broker = broker("t", 1).await;
    let config = config(&broker).linger(PATIENCE).buffer_memory(10_000).delivery_timeout(2 * PATIENCE);
    let producer = Producer::new(config).unwrap();
    // Until its topic is known each counts a hundred bytes.
    for _ in 0..100 {
        drop(producer.send(ProducerRecord::new("t").value("abc")));
    }
    timeout(PATIENCE / 10, producer.ready()).await.expect("the batch is far from full").unwrap();
}

#[tokio::test]
async fn callbacks_come_in_order_and_drop_does_not_block() {
    let broker = broker("t", 1).await;
    let producer = Producer::new(config(&broker)).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    for i in 0..100 {
        let seen = Arc::clone(&seen);
        let record = ProducerRecord::new("t").value("v");
        producer.send_with(record, move |sent| seen.lock().unwrap().push((i, sent.unwrap().offset)));
    }
    drop(producer);
    let all = async {
        while seen.lock().unwrap().len() < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, all).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), (0..100).map(|i| (i, Some(i))).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_callback_that_panics_costs_nobody_else_anything() {
    let broker = broker("t", 1).await;
    let producer = Producer::new(config(&broker)).unwrap();
    let record = || ProducerRecord::new("t").value("v");
    producer.send_with(record(), |_| panic!("as planned"));
    let (teller, told) = tokio::sync::oneshot::channel();
    producer.send_with(record(), move |sent| teller.send(sent).unwrap());
    let second = timeout(PATIENCE, told).await.unwrap().expect("it was called");
    assert_eq!(second.unwrap().offset, Some(1));
    assert_eq!(timeout(PATIENCE, producer.send(record())).await.unwrap().unwrap().offset, Some(2));
}

#[test]
fn callbacks_that_panic_when_the_runtime_ends_are_all_called() {
    let calls = Arc::new(Mutex::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let producer = {
        let _guard = runtime.enter();
        Producer::new(ProducerConfig::new("127.0.0.1:1").unwrap()).unwrap()
    };
    for _ in 0..3 {
        let calls = Arc::clone(&calls);
        producer.send_with(ProducerRecord::new("t"), move |sent| {
            *calls.lock().unwrap() += 1;
            panic!("as planned: {sent:?}");
        });
    }
    drop(runtime);
    assert_eq!(*calls.lock().unwrap(), 3);
}

#[tokio::test]
async fn a_future_that_is_dropped_at_any_point_loses_nothing() {
    let broker = broker("t", 1).await;
    let control = broker.control();
    let producer = Producer::new(config(&broker).batch_size(300)).unwrap();
    let mut kept = Vec::new();
    for i in 0..400_u64 {
        let value = i.to_string();
        let mut sent = producer.send(ProducerRecord::new("t").value(&value));
        match i % 4 {
            0 => drop(sent),
            1 => drop(timeout(Duration::ZERO, &mut sent).await),
            2 => drop(timeout(Duration::from_millis(1 + i % 7), &mut sent).await),
            _ => kept.push(sent),
        }
        if i % 50 == 20 {
            drop(timeout(Duration::from_micros(50 * i), producer.flush()).await);
            control.disconnect_everybody().unwrap();
        }
    }
    timeout(PATIENCE, producer.flush()).await.unwrap().unwrap();
    assert_eq!(values(&broker, "t", 0), (0..400).map(|i| i.to_string()).collect::<Vec<_>>());
    for (n, sent) in kept.into_iter().enumerate() {
        assert_eq!(timeout(PATIENCE, sent).await.unwrap().unwrap().offset, Some(4 * n as i64 + 3));
    }
}

#[tokio::test]
async fn a_batch_that_is_too_large_for_its_topic_is_split() {
    let broker = Broker::builder().topic("t", 1).setting("message.max.bytes", 1000).start().await.unwrap();
    let producer = Producer::new(config(&broker).linger(Duration::from_millis(50))).unwrap();
    let wanted: Vec<String> = (0..100).map(|i| format!("{i:0>100}")).collect();
    let sent: Vec<_> =
        wanted.iter().map(|value| producer.send(ProducerRecord::new("t").value(value))).collect();
    for (i, sent) in sent.into_iter().enumerate() {
        assert_eq!(timeout(PATIENCE, sent).await.unwrap().unwrap().offset, Some(i as i64));
    }
    assert_eq!(values(&broker, "t", 0), wanted);
    let too_large = timeout(PATIENCE, producer.send(ProducerRecord::new("t").value(&"x".repeat(2000)))).await;
    assert_eq!(too_large.unwrap().unwrap_err().code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
    let next = timeout(PATIENCE, producer.send(ProducerRecord::new("t").value("next"))).await;
    assert_eq!(next.unwrap().unwrap().offset, Some(100));
}

#[tokio::test]
async fn what_disturbs_the_cluster_costs_neither_records_nor_order() {
    let broker = Broker::builder()
        .brokers(3)
        .setting("default.replication.factor", 3)
        .topic("t", 2)
        .start()
        .await
        .unwrap();
    let control = broker.control();
    let config = config(&broker).linger(Duration::from_millis(1)).batch_size(200).client_id("me");
    let producer = Producer::new(config).unwrap();
    let mut sent = Vec::new();
    for i in 0..2000 {
        if i % 100 == 50 {
            let partition = i / 100 % 2;
            let (leader, _) = control.leader("t", partition).unwrap();
            control.move_leader("t", partition, leader.unwrap_or(1) % 3 + 1).unwrap();
        }
        if i % 130 == 90 {
            control.disconnect("me").unwrap();
        }
        sent.push(producer.send(ProducerRecord::new("t").partition(i % 2).value(&i.to_string())));
        if i % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    for sent in sent {
        timeout(PATIENCE, sent).await.unwrap().unwrap();
    }
    for partition in 0..2 {
        let wanted: Vec<String> = (0..1000).map(|i| (2 * i + partition).to_string()).collect();
        assert_eq!(values(&broker, "t", partition), wanted);
    }
}

#[tokio::test]
async fn answers_that_are_lost_or_refused_cost_nothing_and_bring_nothing_twice() {
    use milena_broker::core::steering::Fault;
    use milena_protocol::Api;
    let broker = broker("t", 1).await;
    let control = broker.control();
    let faults = [
        Fault::on(Api::Produce).nth(3).drop_answer(),
        Fault::on(Api::Produce).nth(7).disconnect(),
        Fault::on(Api::Produce).nth(11).fail(ErrorCode::NOT_ENOUGH_REPLICAS),
        Fault::on(Api::Produce).nth(12).fail(ErrorCode::NOT_LEADER_OR_FOLLOWER),
        Fault::on(Api::Produce).nth(17).fail(ErrorCode::UNKNOWN_PRODUCER_ID),
        Fault::on(Api::Produce).nth(23).fail(ErrorCode::INVALID_PRODUCER_EPOCH),
        Fault::on(Api::InitProducerId).nth(1).fail(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
    ];
    let handles = faults.map(|fault| control.fault(fault).unwrap());
    let config = config(&broker).batch_size(100).request_timeout(Duration::from_millis(500));
    let producer = Producer::new(config).unwrap();
    let mut sent = Vec::new();
    for i in 0..300 {
        sent.push(producer.send(ProducerRecord::new("t").value(&i.to_string())));
        tokio::task::yield_now().await;
    }
    for sent in sent {
        timeout(PATIENCE, sent).await.unwrap().unwrap();
    }
    assert_eq!(values(&broker, "t", 0), (0..300).map(|i| i.to_string()).collect::<Vec<_>>());
    assert_eq!(handles.map(|handle| handle.fired()), [1; 7]);
}

#[tokio::test]
async fn what_cannot_be_delivered_says_why() {
    let broker =
        Broker::builder().setting("auto.create.topics.enable", false).topic("t", 2).start().await.unwrap();
    let producer = Producer::new(config(&broker).max_block(Duration::from_millis(300))).unwrap();
    let unknown =
        timeout(PATIENCE, producer.send(ProducerRecord::new("missing"))).await.unwrap().unwrap_err();
    assert_eq!(unknown.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), "{unknown}");
    let beyond = producer.send(ProducerRecord::new("t").partition(7));
    assert!(matches!(timeout(PATIENCE, beyond).await.unwrap(), Err(Error::Timeout { .. })));
    let large = "x".repeat(2_000_000);
    let large = producer.send(ProducerRecord::new("t").value(&large)).await;
    assert!(matches!(large, Err(Error::RecordTooLarge { .. })), "{large:?}");
    let address = broker.bootstrap_servers();
    drop(broker);
    let config = ProducerConfig::new(&address).unwrap().max_block(Duration::from_millis(300));
    let producer = Producer::new(config).unwrap();
    let gone = timeout(PATIENCE, producer.send(ProducerRecord::new("t"))).await.unwrap();
    assert!(matches!(gone, Err(Error::Unreachable { .. })), "{gone:?}");
}
