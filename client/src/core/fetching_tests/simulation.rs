//! Whole histories: two brokers with logs full of gaps, markers and aborted transactions, faults drawn from a seed, and
//! an application that polls a few records at a time. Whatever happens, it gets every record once and in order.

use milena_protocol::records::Compression;

use super::*;
use crate::delivery::{Delivery, DeliverySettings};

/// SplitMix64: a history is its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// A partition's log: batches with the offsets behind them, and the offsets that `read_committed` has to deliver.
#[derive(Default)]
struct Log {
    batches: Vec<(i64, Bytes)>,
    end: i64,
    committed: Vec<i64>,
    /// Producer, first offset, offset of the marker.
    aborted: Vec<(i64, i64, i64)>,
}

impl Log {
    fn random(random: &mut Random) -> Log {
        let mut log = Log::default();
        for _ in 0..30 {
            let codec = Compression::ALL[random.below(5) as usize];
            let mut builder = BatchBuilder::with_compression(codec).unwrap();
            builder.set_base_offset(log.end).set_partition_leader_epoch(EPOCH);
            let (is_transactional, is_aborted) = (random.below(3) == 0, random.below(2) == 0);
            builder.set_transactional(is_transactional);
            let mut offsets = Vec::new();
            // Compaction takes some records, or all.
            let span = 1 + random.below(20) as i32;
            let keeps = random.below(4);
            for delta in (0..span).filter(|_| random.below(4) < keeps) {
                builder.append_at(delta, 0, None, Some(b"value"), &[]).unwrap();
                offsets.push(log.end + i64::from(delta));
            }
            builder.set_last_offset_delta(span - 1);
            let producer = 1000 + log.batches.len() as i64;
            builder.set_producer(producer, 0, 0);
            log.push(span, builder.build());
            if is_transactional {
                log.end_transaction(producer, i64::from(span), is_aborted);
            }
            if !(is_transactional && is_aborted) {
                log.committed.extend(offsets);
            }
        }
        log
    }

    fn push(&mut self, span: i32, batch: Bytes) {
        self.end += i64::from(span);
        self.batches.push((self.end, batch));
    }

    fn end_transaction(&mut self, producer: i64, span: i64, aborts: bool) {
        let mut marker = BatchBuilder::new();
        marker.set_base_offset(self.end).set_partition_leader_epoch(EPOCH).set_producer(producer, 0, -1);
        marker.set_transactional(true).set_control(true);
        let kind = if aborts { 0 } else { 1 };
        marker.append(0, Some(&[0, 0, 0, kind]), Some(&[0; 6]), &[]).unwrap();
        if aborts {
            self.aborted.push((producer, self.end - span, self.end));
        }
        self.push(1, marker.build());
    }

    /// What a broker answers: whole batches from the one with the offset on, the last one perhaps cut.
    fn read(&self, partition: i32, offset: i64, random: &mut Random) -> PartitionData {
        let mut data = nothing(partition);
        (data.high_watermark, data.last_stable_offset) = (self.end, self.end);
        let ahead: Vec<_> = self.batches.iter().filter(|(end, _)| *end > offset).collect();
        let whole = (1 + random.below(4) as usize).min(ahead.len());
        let mut blob = ahead[..whole].iter().map(|(_, batch)| batch.to_vec()).collect::<Vec<_>>().concat();
        if let Some((_, next)) = ahead.get(whole) {
            blob.extend_from_slice(&next[..random.below(next.len() as u64) as usize]);
        }
        let until = ahead[..whole].last().map_or(offset, |(end, _)| *end);
        let overlapping =
            self.aborted.iter().filter(|(_, first, marker)| *first < until && *marker >= offset);
        let transaction = |(producer, first, _): &(i64, i64, i64)| {
            let mut aborted = AbortedTransaction::default();
            (aborted.producer_id, aborted.first_offset) = (*producer, *first);
            aborted
        };
        data.aborted_transactions = Some(overlapping.map(transaction).collect());
        data.records = Some(blob.into());
        data
    }
}

/// A broker's side of a fetch session.
#[derive(Default)]
struct Session {
    epoch: i32,
    partitions: BTreeMap<i32, i64>,
}

impl Session {
    /// The partitions to answer; an error where the client does not keep the rules of KIP-227.
    fn take(&mut self, request: &Outgoing) -> Result<BTreeMap<i32, i64>, ErrorCode> {
        let (id, epoch, forgotten) = session(request);
        if epoch == 0 {
            *self = Session { epoch: 1, partitions: asked(request).into_iter().collect() };
            return Ok(self.partitions.clone());
        }
        assert_eq!((id, epoch), (SESSION, self.epoch), "out of step");
        self.epoch += 1;
        self.partitions.extend(asked(request));
        self.partitions.retain(|partition, _| !forgotten.contains(partition));
        Ok(self.partitions.clone())
    }
}

/// Answers a Fetch, or fails it.
fn serve(rig: &mut Rig, logs: &[Log], sessions: &mut [Session; 2], random: &mut Random, fetch: &Outgoing) {
    let broker = &mut sessions[fetch.node_id as usize - 1];
    if random.below(12) == 0 {
        if random.below(2) == 0 {
            // The request was read, its answer was lost.
            let _ = broker.take(fetch);
        }
        return rig.answer(fetch, ConnectionLost);
    }
    if session(fetch).1 > 0 && random.below(15) == 0 {
        *broker = Session::default();
        return rig.answer(fetch, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }
    let mut answer = Vec::new();
    for (partition, offset) in broker.take(fetch).unwrap() {
        let is_leader = rig.metadata.leader(&tp(partition)).is_some_and(|l| l.node_id == fetch.node_id);
        let data = match random.below(10) {
            _ if !is_leader => failed(partition, ErrorCode::NOT_LEADER_OR_FOLLOWER),
            0 => failed(partition, ErrorCode::UNKNOWN_LEADER_EPOCH),
            1 => failed(partition, ErrorCode::OFFSET_NOT_AVAILABLE),
            // Nothing to say: left out of the answer, but for the first one of a session.
            2 | 3 if broker.epoch > 1 => continue,
            2 | 3 => nothing(partition),
            _ => logs[partition as usize].read(partition, offset, random),
        };
        answer.push(data);
    }
    rig.answer(fetch, fetched(answer));
}

fn history(seed: u64) {
    const PARTITIONS: usize = 4;
    let mut random = Random(seed);
    let logs: Vec<Log> = (0..PARTITIONS).map(|_| Log::random(&mut random)).collect();
    let isolation_level = IsolationLevel::ReadCommitted;
    let max_partition_fetch_bytes = 500 + random.below(3000) as i32;
    let settings = FetchSettings { isolation_level, max_partition_fetch_bytes, ..FetchSettings::default() };
    let mut rig = Rig::at(&[0; PARTITIONS], settings);
    let mut delivery = Delivery::new(DeliverySettings { isolation_level, ..DeliverySettings::default() });
    let mut sessions: [Session; 2] = Default::default();
    let mut leaders: Vec<(i32, i32)> = (0..PARTITIONS as i32).map(|n| (1 + n % 2, EPOCH)).collect();
    let mut in_flight: Vec<Outgoing> = Vec::new();
    let mut delivered: Vec<Vec<i64>> = vec![Vec::new(); PARTITIONS];
    let mut steps = 0;
    let is_at_the_end = |rig: &Rig| {
        (0..PARTITIONS).all(|n| rig.fetching.position(&tp(n as i32)).is_some_and(|p| p.offset == logs[n].end))
    };
    while !is_at_the_end(&rig) {
        in_flight.extend(rig.requests());
        match random.below(8) {
            0 => rig.pass(100),
            1 if random.below(4) == 0 => {
                let moving = random.below(PARTITIONS as u64) as usize;
                let (leader, epoch) = leaders[moving];
                leaders[moving] = (3 - leader, epoch + 1);
                rig.learn(ID, &leaders);
            }
            2 => {
                rig.fetching.consumed(&delivery.take_consumed(), rig.now);
                while let Some(fetch) = rig.fetching.take_completed() {
                    delivery.accept(fetch);
                }
                delivery.fill(1 + random.below(30) as usize).unwrap();
                for record in &delivery.records() {
                    delivered[record.partition() as usize].push(record.offset());
                }
            }
            3 if random.below(6) == 0 => {
                // The application goes back to where it is, so that all that was fetched ahead is in vain.
                let partition = random.below(PARTITIONS as u64) as i32;
                rig.fetching.consumed(&delivery.take_consumed(), rig.now);
                let position = rig.fetching.position(&tp(partition)).unwrap();
                rig.fetching.seek(&tp(partition), position);
                delivery.forget(&tp(partition), rig.fetching.position_epoch(&tp(partition)).unwrap() - 1);
            }
            _ if !in_flight.is_empty() => {
                let request = in_flight.remove(random.below(in_flight.len() as u64) as usize);
                match request.api {
                    Api::Fetch => serve(&mut rig, &logs, &mut sessions, &mut random, &request),
                    _ => {
                        let (partition, _, epoch) = epoch_asked(&request);
                        let end = logs[partition as usize].end;
                        rig.answer(&request, epoch_end(partition, epoch, end));
                    }
                }
            }
            _ => {}
        }
        steps += 1;
        assert!(steps < 50_000, "seed {seed}: no end in sight");
    }
    for (log, delivered) in logs.iter().zip(&delivered) {
        assert_eq!(delivered, &log.committed, "seed {seed}");
    }
    assert_eq!(rig.fetching.next_error(), None, "seed {seed}");
    let lag: Option<i64> = (0..PARTITIONS as i32).map(|n| rig.fetching.lag(&tp(n))).sum();
    assert_eq!(lag, Some(0), "seed {seed}");
}

#[test]
fn a2_a3_a14_every_committed_record_comes_once_and_in_order_whatever_happens() {
    (0..150).for_each(history);
}
