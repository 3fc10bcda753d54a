//! How another replica gets to lead a partition of a real Kafka: the replicas get another order, and the first of them is
//! elected. milena has no messages for either, so these are bytes.

use milena_protocol::Api;

use crate::side::Side;

/// Makes the first of the replicas the preferred leader, and then the leader.
pub fn prefer(side: &Side, topic: &str, partition: i32, replicas: &[i32]) {
    let mut reassign = 60_000i32.to_be_bytes().to_vec();
    one_topic(&mut reassign, topic);
    reassign.push(2); // one partition
    reassign.extend(partition.to_be_bytes());
    numbers(&mut reassign, replicas);
    reassign.extend([0, 0, 0]); // no tagged fields: of the partition, the topic, the request
    send(side, Api::AlterPartitionReassignments, 0, &reassign);

    let mut elect = vec![0]; // of the preferred replica
    one_topic(&mut elect, topic);
    numbers(&mut elect, &[partition]);
    elect.push(0);
    elect.extend(60_000i32.to_be_bytes());
    elect.push(0);
    send(side, Api::ElectLeaders, 2, &elect);
}

/// A compact array of one topic, up to its name.
fn one_topic(into: &mut Vec<u8>, topic: &str) {
    into.push(2);
    // Names are shorter than 127, so that a length is one byte.
    into.push(u8::try_from(topic.len() + 1).ok().filter(|length| *length < 128).expect("a short name"));
    into.extend(topic.as_bytes());
}

fn numbers(into: &mut Vec<u8>, numbers: &[i32]) {
    into.push(numbers.len() as u8 + 1);
    numbers.iter().for_each(|number| into.extend(number.to_be_bytes()));
}

/// Sends a request, and waits for its answer.
fn send(side: &Side, api: Api, version: i16, body: &[u8]) {
    let mut frame = api.key().to_be_bytes().to_vec();
    frame.extend(version.to_be_bytes());
    // The correlation id, no client id, no tagged fields.
    frame.extend([0, 0, 0, 1, 0xff, 0xff, 0]);
    frame.extend(body);
    let mut connection = side.connect();
    connection.send_bytes(&(frame.len() as i32).to_be_bytes());
    connection.send_bytes(&frame);
    // Size, correlation id, tagged fields, throttle time, and then the code.
    let answer = connection.receive_bytes(15);
    assert!(answer.len() > 14, "{api:?} was not answered");
}
