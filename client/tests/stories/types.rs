//! Keys and values as Kafka's own serializers write them.

use milena_client::deserialize::{
    DoubleDeserializer, ListDeserializer, LongDeserializer, StringDeserializer, UUIDDeserializer,
};

use super::common::{PATIENCE, POLL, config, subscribed};
use crate::cluster::Cluster;

#[tokio::test]
async fn a19_a_value_of_another_type_names_its_record_and_stops_nothing() {
    let cluster = &*Cluster::shared();
    cluster.create_topic("typed", 1);
    cluster.fill_typed("typed");
    let mut consumer = subscribed(config(cluster, "typed"), "typed").await;
    let (mut good, mut errors, mut read) = (Vec::new(), Vec::new(), 0);
    let since = std::time::Instant::now();
    while read < 11 {
        assert!(since.elapsed() < PATIENCE);
        let records = consumer.poll(POLL).await.unwrap();
        read += records.len();
        for record in records.typed(&LongDeserializer, &DoubleDeserializer) {
            match record {
                Ok(record) => good.push((record.key, record.value)),
                Err(error) => errors.push(error),
            }
        }
        for record in records.iter().filter(|record| record.offset() == 10) {
            let list = record.deserialize_key(&ListDeserializer(StringDeserializer)).unwrap().unwrap();
            assert_eq!(list, [Some("one"), Some(""), Some("three")]);
            let uuid = record.deserialize_value(&UUIDDeserializer).unwrap().unwrap();
            assert_eq!(u128::from_be_bytes(uuid), 0x0123456789abcdef8123456789abcdef);
        }
    }
    let expected = |n: i32| (Some(i64::from(n)), (n != 5).then_some(f64::from(n) / 2.0));
    assert_eq!(good, [0, 1, 2, 3, 5, 6, 7, 8, 9].map(expected));
    assert_eq!(errors.len(), 2, "a value that is no double, and a key that is no long");
    let first = errors[0].to_string();
    assert!(first.contains("typed-0") && first.contains("offset 4") && first.contains("value"), "{first}");
    consumer.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.committed("typed"), [Some(11)]);
}
