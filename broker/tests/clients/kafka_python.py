"""kafka-python against a broker. Argument: its address. Says `ok STEP` after each step, and ends at the first that fails."""

import sys
import threading
import uuid
from collections import defaultdict

from checks import PATIENCE_S, run, same, wait_for
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, OffsetSpec
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.protocol.consumer.offsets import IsolationLevel
from kafka.structs import OffsetAndMetadata

BROKERS = {"bootstrap_servers": sys.argv[1].split(",")}
COMPRESSIONS = [None, "gzip", "snappy", "lz4", "zstd"]


# kafka-python 3.0.12 loses sight of a rebalance that ends between two calls of `poll`, and would own nothing from then on.
needs_to_join = ConsumerCoordinator.need_rejoin
ConsumerCoordinator.need_rejoin = lambda self: self._join_task is not None or needs_to_join(self)


def refused(error, call):
    """That a call fails, and how."""
    try:
        got = call()
    except error:
        return
    raise AssertionError(f"not refused with {error.__name__}, but answered: {got!r}")


def produce(topic, values, **settings):
    """Sends values with their keys to partitions by key, and gives what was told of them, by partition and offset."""
    producer = KafkaProducer(**BROKERS, linger_ms=20, retries=20, **settings)
    headers = [("origin", b"kafka-python"), ("origin", b""), ("count", b"2")]
    sent = [producer.send(topic, value, key, headers=headers, timestamp_ms=1000 + n) for n, (key, value) in enumerate(values)]
    producer.flush(PATIENCE_S)
    told = [future.get(PATIENCE_S) for future in sent]
    producer.close()
    return {(at.partition, at.offset): (key, value) for at, (key, value) in zip(told, values)}


def records():
    admin = KafkaAdminClient(**BROKERS)
    admin.create_topics({"records": {"num_partitions": 3, "replication_factor": 1}})
    written = {}
    for compression in COMPRESSIONS:
        values = [(f"key-{i % 7}".encode(), f"{compression} {i} ".encode() * 20) for i in range(200)]
        told = produce("records", values, compression_type=compression, acks="all", enable_idempotence=True)
        same(len(told), 200)
        assert not told.keys() & written.keys(), "an offset was told twice"
        written |= told
        # Each key has one partition, where its values are in their order.
        for key in {key for key, _ in values}:
            places = sorted(place for place, (of, _) in told.items() if of == key)
            same(len({partition for partition, _ in places}), 1)
            same([told[place] for place in places], [value for value in values if value[0] == key])

    consumer = KafkaConsumer(**BROKERS, auto_offset_reset="earliest")
    partitions = [TopicPartition("records", n) for n in range(3)]
    consumer.assign(partitions)
    read, last = {}, defaultdict(lambda: -1)

    def all_is_read():
        for partition, batch in consumer.poll(timeout_ms=200).items():
            for record in batch:
                same(record.offset, last[partition] + 1)
                last[partition] = record.offset
                same(record.headers, [("origin", b"kafka-python"), ("origin", b""), ("count", b"2")])
                same(record.timestamp_type, 0)
                read[record.partition, record.offset] = (record.key, record.value)
        return len(read) >= 1000

    wait_for("all is read", all_is_read)
    same(read, written)
    ends = consumer.end_offsets(partitions)
    same(sum(ends.values()), 1000)
    same(set(consumer.beginning_offsets(partitions).values()), {0})
    same({consumer.position(partition) for partition in partitions} - set(ends.values()), set())
    first = partitions[0]
    found = consumer.offsets_for_times({first: 1100, partitions[1]: 5_000_000})
    assert found[first].timestamp >= 1100
    same(found[partitions[1]], None)
    consumer.seek(first, 10)
    again = []

    def read_again():
        again.extend(record for batch in consumer.poll(timeout_ms=200).values() for record in batch)
        return again

    wait_for("it reads again after a seek", read_again)
    same((again[0].partition, again[0].offset), (0, 10))
    consumer.close()
    admin.close()


class Listener(ConsumerRebalanceListener):
    def __init__(self):
        self.events = []

    def on_partitions_revoked(self, revoked):
        self.events.append(("revoked", sorted(p.partition for p in revoked)))

    def on_partitions_assigned(self, assigned):
        self.events.append(("assigned", sorted(p.partition for p in assigned)))


class Member(threading.Thread):
    """A member of a group that polls until it is told to stop."""

    def __init__(self, group, name, **settings):
        super().__init__(daemon=True)
        self.read = []
        self.error = None
        self.stopped = threading.Event()
        self.listener = Listener()
        self.consumer = KafkaConsumer(
            **BROKERS,
            client_id=name,
            group_id=group,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=500,
            session_timeout_ms=30_000,
            **settings,
        )
        self.consumer.subscribe(["shared"], listener=self.listener)
        self.owned = set()
        self.start()

    def run(self):
        try:
            while not self.stopped.is_set():
                for batch in self.consumer.poll(timeout_ms=100).values():
                    self.read += [(record.partition, record.offset) for record in batch]
                self.owned = {p.partition for p in self.consumer.assignment()}
            self.consumer.close()
        except Exception as error:  # told by the thread that waits
            self.error = error

    def stop(self):
        self.stopped.set()
        self.join(PATIENCE_S)
        if self.error:
            raise self.error


def share(admin, group, **settings):
    """A group of one, then two, then one; each record is read once, as nothing is written while partitions move."""
    start = {p: o.offset for p, o in admin.list_partition_offsets({TopicPartition("shared", n): OffsetSpec.LATEST for n in range(4)}).items()}
    admin.alter_group_offsets(group, {p: OffsetAndMetadata(offset, "", -1) for p, offset in start.items()})
    first = Member(group, "first", **settings)
    members = [first]

    def write_and_read():
        before = sum(len(member.read) for member in members)
        produce("shared", [(f"{i}".encode(), b"v") for i in range(100)])
        wait_for("all is read", lambda: sum(len(member.read) for member in members) >= before + 100)

    wait_for("the first has all", lambda: first.owned == {0, 1, 2, 3})
    write_and_read()
    second = Member(group, "second", **settings)
    members.append(second)
    wait_for("they share", lambda: len(first.owned) == 2 and len(second.owned) == 2)
    same(first.owned | second.owned, {0, 1, 2, 3})
    # The cooperative protocol may have another round to go.
    wait_for("it is stable", lambda: admin.describe_groups([group])[group]["group_state"] == "Stable")
    described = admin.describe_groups([group])[group]
    same(len(described["members"]), 2)
    same({member["client_id"] for member in described["members"]}, {"first", "second"})
    write_and_read()
    assert second.read, "the second got no records"
    second.stop()
    wait_for("the first has all again", lambda: first.owned == {0, 1, 2, 3})
    write_and_read()
    first.stop()
    assert any(kind == "revoked" and parts for kind, parts in first.listener.events), first.listener.events
    assert sum(kind == "assigned" for kind, _ in first.listener.events) >= 2, first.listener.events
    assert any(kind == "assigned" and len(parts) == 2 for kind, parts in second.listener.events), second.listener.events

    seen = defaultdict(list)
    for member in members:
        for partition in range(4):
            offsets = [offset for at, offset in member.read if at == partition]
            same(offsets, sorted(offsets))
            seen[partition] += offsets
    committed = admin.list_group_offsets(group)[group]
    for partition, offset in start.items():
        end = committed[partition].offset
        same(sorted(seen[partition.partition]), list(range(offset, end)))
    same(sum(o.offset for o in committed.values()) - sum(start.values()), 300)


def groups():
    admin = KafkaAdminClient(**BROKERS)
    admin.create_topics({"shared": {"num_partitions": 4}})
    share(admin, "shared-by-all")
    share(admin, "cooperative", partition_assignment_strategy=[CooperativeStickyAssignor])
    admin.close()


def static_member():
    """A static member that comes back has its partitions without a rebalance."""
    admin = KafkaAdminClient(**BROKERS)
    stays = Member("static", "stays", group_instance_id="stays")
    comes = Member("static", "comes", group_instance_id="comes")
    wait_for("they share", lambda: len(stays.owned) == 2 and len(comes.owned) == 2)
    owned, before = comes.owned, list(stays.listener.events)
    comes.stop()
    back = Member("static", "comes", group_instance_id="comes")
    wait_for("it is back", lambda: back.owned)
    same(back.owned, owned)
    same(stays.listener.events, before)
    back.stop()
    stays.stop()
    members = admin.describe_groups(["static"])["static"]["members"]
    same({member["group_instance_id"] for member in members}, {"stays", "comes"})
    admin.close()


def administration():
    admin = KafkaAdminClient(**BROKERS)
    cluster = admin.describe_cluster()
    same(len(cluster["brokers"]), len(BROKERS["bootstrap_servers"]))
    admin.create_topics({"made": {"num_partitions": 2, "replication_factor": 1, "configs": {"flush.ms": "123456"}}})
    refused(errors.TopicAlreadyExistsError, lambda: admin.create_topics({"made": {}}))
    refused(errors.InvalidTopicError, lambda: admin.create_topics({"not a name": {}}))
    refused(errors.InvalidReplicationFactorError, lambda: admin.create_topics({"wide": {"num_partitions": 1, "replication_factor": 99}}))
    admin.create_topics({"only-checked": {}}, validate_only=True)
    assert "only-checked" not in admin.list_topics()
    assert "made" in admin.list_topics()
    described = admin.describe_topics(["made"])[0]
    same([p["partition_index"] for p in sorted(described["partitions"], key=lambda p: p["partition_index"])], [0, 1])
    admin.create_partitions({"made": 5})
    same(len(admin.describe_topics(["made"])[0]["partitions"]), 5)
    refused(errors.InvalidPartitionsError, lambda: admin.create_partitions({"made": 3}))
    # By its id as well as by its name.
    topic_id = uuid.UUID(str(described["topic_id"]))
    same(admin.describe_topics([topic_id])[0]["name"], "made")

    configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "made")])
    same(configs["topic"]["made"]["flush.ms"]["value"], "123456")
    all_of_it = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "made")], config_filter="all")
    same(all_of_it["topic"]["made"]["cleanup.policy"]["value"], "delete")

    produce("made", [(f"{i}".encode(), b"v") for i in range(100)])
    partitions = [TopicPartition("made", n) for n in range(5)]
    ends = {p: o.offset for p, o in admin.list_partition_offsets({p: OffsetSpec.LATEST for p in partitions}).items()}
    same(sum(ends.values()), 100)
    admin.delete_records({p: min(5, ends[p]) for p in partitions})
    starts = {p: o.offset for p, o in admin.list_partition_offsets({p: OffsetSpec.EARLIEST for p in partitions}).items()}
    same(starts, {p: min(5, ends[p]) for p in partitions})

    one, two = partitions[:2]
    admin.alter_group_offsets("altered", {one: OffsetAndMetadata(7, "why", -1), two: OffsetAndMetadata(8, "", -1)})
    offsets = admin.list_group_offsets("altered")["altered"]
    same({p: (o.offset, o.metadata) for p, o in offsets.items()}, {one: (7, "why"), two: (8, "")})
    assert "altered" in {group["group_id"] for group in admin.list_groups()}
    assert "altered" not in {group["group_id"] for group in admin.list_groups(states_filter=["Stable"])}
    same(admin.describe_groups(["altered"])["altered"]["group_state"], "Empty")
    admin.reset_group_offsets("altered", {one: OffsetSpec.EARLIEST})
    same(admin.list_group_offsets("altered")["altered"][one].offset, starts[one])
    admin.delete_group_offsets("altered", [one])
    same(set(admin.list_group_offsets("altered")["altered"]), {two})
    same(admin.delete_groups(["altered", "was never there"]), {"altered": "OK", "was never there": "GroupIdNotFoundError"})
    assert "altered" not in {group["group_id"] for group in admin.list_groups()}

    admin.delete_topics(["made"])
    assert "made" not in admin.list_topics()
    refused(errors.UnknownTopicOrPartitionError, lambda: admin.delete_topics(["made"]))
    admin.close()


def transactions():
    admin = KafkaAdminClient(**BROKERS)
    admin.create_topics({"input": {"num_partitions": 1}, "output": {"num_partitions": 1}})
    produce("input", [(b"k", f"{i}".encode()) for i in range(10)])
    output = TopicPartition("output", 0)

    def committed_values():
        end = admin.list_partition_offsets({output: OffsetSpec.LATEST}, isolation_level=IsolationLevel.READ_COMMITTED)
        end = end[output].offset
        reader = KafkaConsumer(**BROKERS, isolation_level="read_committed", auto_offset_reset="earliest")
        reader.assign([output])
        values = []

        def all_is_read():
            for batch in reader.poll(timeout_ms=200).values():
                values.extend(record.value.decode() for record in batch)
            return reader.position(output) >= end

        wait_for("what is committed is read", all_is_read)
        reader.close()
        return values

    producer = KafkaProducer(**BROKERS, transactional_id="t")
    producer.init_transactions()
    for name in ["kept", "gone", "kept too"]:
        producer.begin_transaction()
        sent = [producer.send("output", f"{name} {i}".encode()) for i in range(10)]
        producer.flush(PATIENCE_S)
        assert all(future.succeeded() for future in sent)
        producer.abort_transaction() if name == "gone" else producer.commit_transaction()
    expected = [f"{name} {i}" for name in ["kept", "kept too"] for i in range(10)]
    same(committed_values(), expected)

    # What is open holds back those who read committed records, though not the others.
    producer.begin_transaction()
    producer.send("output", b"open")
    producer.flush(PATIENCE_S)
    latest = {level: admin.list_partition_offsets({output: OffsetSpec.LATEST}, isolation_level=level)[output].offset for level in IsolationLevel}
    same((latest[IsolationLevel.READ_COMMITTED], latest[IsolationLevel.READ_UNCOMMITTED]), (33, 34))

    # Another with the same id aborts that, and the first is out.
    other = KafkaProducer(**BROKERS, transactional_id="t")
    other.init_transactions()
    refused(errors.KafkaError, producer.commit_transaction)
    same(committed_values(), expected)

    # Offsets belong to the transaction.
    consumer = KafkaConsumer("input", **BROKERS, group_id="pipe", auto_offset_reset="earliest", enable_auto_commit=False)
    taken = []

    def input_is_read():
        taken.extend(record for batch in consumer.poll(timeout_ms=200).values() for record in batch)
        return len(taken) == 10

    wait_for("the input is read", input_is_read)
    source = TopicPartition("input", 0)
    for end_it, offset in [(other.abort_transaction, None), (other.commit_transaction, 10)]:
        other.begin_transaction()
        for record in taken:
            other.send("output", record.value)
        other.send_offsets_to_transaction({source: OffsetAndMetadata(10, "", -1)}, consumer.group_metadata())
        end_it()
        same(consumer.committed(source), offset)
    consumer.close()
    same(committed_values(), expected + [f"{i}" for i in range(10)])
    other.close()
    admin.close()


run(
    {
        "records": records,
        "group": groups,
        "static member": static_member,
        "admin": administration,
        "transactions": transactions,
    },
    sys.argv[2:],
)
