"""librdkafka, through confluent-kafka, against a broker. Argument: its address. Says `ok STEP` after each step."""

import sys
import threading
from collections import defaultdict

from checks import PATIENCE_S, run, same, wait_for
from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

BROKERS = {"bootstrap.servers": sys.argv[1]}
ADMIN = AdminClient(BROKERS)
COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"]
HEADERS = [("origin", b"librdkafka"), ("null", None), ("origin", b"")]


def done(futures):
    """What became of each thing that an admin call was about."""
    return {key: future.result(PATIENCE_S) for key, future in futures.items()}


def refused(code, call):
    try:
        got = call()
    except KafkaException as error:
        same(error.args[0].code(), code)
        return
    raise AssertionError(f"not refused with {code}, but answered: {got!r}")


def create(topic, partitions, **config):
    done(ADMIN.create_topics([NewTopic(topic, partitions, 1, config=config)]))


def produce(topic, values, **settings):
    """Sends values with their keys, and gives what was told of them, by partition and offset."""
    told, wrong = {}, []
    producer = Producer(BROKERS | {"enable.idempotence": True, "linger.ms": 20} | settings)

    def delivered(error, message):
        if error:
            wrong.append(error)
        told[message.partition(), message.offset()] = (message.key(), message.value())

    for n, (key, value) in enumerate(values):
        producer.produce(topic, value, key, headers=HEADERS, timestamp=1000 + n, on_delivery=delivered)
    same(producer.flush(PATIENCE_S), 0)
    same(wrong, [])
    same(len(told), len(values))
    return told


def read(topic, partitions, count, **settings):
    """What so many records from the beginning on are, each of which has to come once and in its order."""
    consumer = Consumer(BROKERS | {"group.id": "reader", "enable.auto.commit": False, "enable.partition.eof": True} | settings)
    consumer.assign([TopicPartition(topic, n, 0) for n in range(partitions)])
    seen, ends, last = {}, set(), {}

    def all_is_read():
        for message in consumer.consume(500, 0.2):
            at = message.partition()
            if message.error():
                same(message.error().code(), KafkaError._PARTITION_EOF)
                ends.add(at)
            else:
                assert last.get(at, -1) < message.offset()
                last[at] = message.offset()
                seen[at, message.offset()] = message
        return len(seen) >= count and len(ends) == partitions

    wait_for("all is read", all_is_read)
    consumer.close()
    same(len(seen), count)
    return seen


def records():
    create("records", 3)
    written = {}
    for compression in COMPRESSIONS:
        # Long enough that librdkafka does not send it plain, which it does where compression gains nothing.
        values = [(f"key-{i % 7}".encode(), f"{compression} {i} ".encode() * 20) for i in range(200)]
        told = produce("records", values, **{"compression.type": compression, "acks": "all"})
        assert not told.keys() & written.keys(), "an offset was told twice"
        written |= told
    messages = read("records", 3, 1000)
    same({place: (m.key(), m.value()) for place, m in messages.items()}, written)
    for message in messages.values():
        same(message.headers(), HEADERS)
        assert 1000 <= message.timestamp()[1] < 1200
    consumer = Consumer(BROKERS | {"group.id": "reader"})
    ends = [consumer.get_watermark_offsets(TopicPartition("records", n), timeout=PATIENCE_S) for n in range(3)]
    same([low for low, _ in ends], [0, 0, 0])
    same(sum(high for _, high in ends), 1000)
    found = consumer.offsets_for_times([TopicPartition("records", 0, 1100)], timeout=PATIENCE_S)[0].offset
    assert messages[0, found].timestamp()[1] >= 1100
    assert all(m.timestamp()[1] < 1100 for (at, offset), m in messages.items() if at == 0 and offset < found)
    consumer.close()


class Member(threading.Thread):
    """A member of a group that polls until it is told to stop."""

    def __init__(self, group, name, settings):
        super().__init__(daemon=True)
        self.name, self.seen, self.events, self.error = name, [], [], None
        self.stopped = threading.Event()
        always = {"group.id": group, "client.id": name, "auto.offset.reset": "earliest"}
        self.consumer = Consumer(BROKERS | always | settings)
        note = lambda kind: lambda _, changed: self.events.append((kind, sorted(p.partition for p in changed)))
        self.consumer.subscribe(["shared"], on_assign=note("assigned"), on_revoke=note("revoked"), on_lost=note("lost"))
        self.owned = set()
        self.start()

    def run(self):
        try:
            while not self.stopped.is_set():
                message = self.consumer.poll(0.1)
                if message is not None:
                    assert message.error() is None, message.error()
                    self.seen.append((message.partition(), message.offset()))
                self.owned = {p.partition for p in self.consumer.assignment()}
            self.consumer.close()
        except Exception as error:  # told by the thread that waits
            self.error = error

    def stop(self):
        self.stopped.set()
        self.join(PATIENCE_S)
        if self.error:
            raise self.error


def ends(topic, partitions, spec=None):
    asked = {TopicPartition(topic, n): spec or OffsetSpec.latest() for n in range(partitions)}
    return {p.partition: found.offset for p, found in done(ADMIN.list_offsets(asked)).items()}


def share(group, settings, group_type):
    """A group of one, then two, then one; each record is read once, as nothing is written while partitions move."""
    start = ends("shared", 4)
    offsets = [TopicPartition("shared", n, offset) for n, offset in start.items()]
    done(ADMIN.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)]))
    first = Member(group, "first", settings)
    members = [first]

    def write_and_read():
        before = sum(len(member.seen) for member in members)
        produce("shared", [(f"{i}".encode(), b"v") for i in range(100)])
        wait_for("all is read", lambda: sum(len(member.seen) for member in members) >= before + 100)

    wait_for("the first has all", lambda: first.owned == {0, 1, 2, 3})
    write_and_read()
    second = Member(group, "second", settings)
    members.append(second)
    wait_for("they share", lambda: len(first.owned) == 2 and len(second.owned) == 2)
    same(first.owned | second.owned, {0, 1, 2, 3})
    describe = lambda: done(ADMIN.describe_consumer_groups([group]))[group]
    # The cooperative protocol may have another round to go.
    wait_for("it is stable", lambda: describe().state == ConsumerGroupState.STABLE)
    described = describe()
    same(described.type, group_type)
    assigned = {m.client_id: {p.partition for p in m.assignment.topic_partitions} for m in described.members}
    same(assigned, {"first": first.owned, "second": second.owned})
    write_and_read()
    assert second.seen, "the second got no records"
    second.stop()
    wait_for("the first has all again", lambda: first.owned == {0, 1, 2, 3})
    write_and_read()
    first.stop()
    assert any(kind == "revoked" and parts for kind, parts in first.events[:-1]), first.events
    assert any(kind == "assigned" and len(parts) == 2 for kind, parts in second.events), second.events
    assert not any(kind == "lost" for kind, _ in first.events + second.events), (first.events, second.events)

    seen = defaultdict(list)
    for member in members:
        for partition in range(4):
            offsets = [offset for at, offset in member.seen if at == partition]
            same(offsets, sorted(offsets))
            seen[partition] += offsets
    answer = done(ADMIN.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[group]
    committed = {p.partition: p.offset for p in answer.topic_partitions}
    same(committed, ends("shared", 4))
    for partition, offset in start.items():
        same(sorted(seen[partition]), list(range(offset, committed[partition])))


def groups():
    create("shared", 4)
    quick = {"heartbeat.interval.ms": 500, "session.timeout.ms": 30_000}
    share("eager", quick | {"partition.assignment.strategy": "range"}, ConsumerGroupType.CLASSIC)
    share("cooperative", quick | {"partition.assignment.strategy": "cooperative-sticky"}, ConsumerGroupType.CLASSIC)


def next_generation():
    share("next", {"group.protocol": "consumer"}, ConsumerGroupType.CONSUMER)


def administration():
    assert done({0: ADMIN.describe_cluster()})[0].nodes
    create("made", 2, **{"flush.ms": "123456"})
    refused(KafkaError.TOPIC_ALREADY_EXISTS, lambda: create("made", 2))
    refused(KafkaError.TOPIC_EXCEPTION, lambda: create("not a name", 2))
    refused(KafkaError.INVALID_CONFIG, lambda: create("odd", 2, **{"retention.mss": "1"}))
    described = done(ADMIN.describe_topics(TopicCollection(["made"])))["made"]
    same([p.id for p in described.partitions], [0, 1])
    done(ADMIN.create_partitions([NewPartitions("made", 5)]))
    same(len(ADMIN.list_topics("made", timeout=PATIENCE_S).topics["made"].partitions), 5)
    refused(KafkaError.INVALID_PARTITIONS, lambda: done(ADMIN.create_partitions([NewPartitions("made", 3)])))
    resource = ConfigResource(ResourceType.TOPIC, "made")
    configs = done(ADMIN.describe_configs([resource]))[resource]
    same((configs["flush.ms"].value, configs["flush.ms"].is_default), ("123456", False))
    same((configs["cleanup.policy"].value, configs["cleanup.policy"].is_default), ("delete", True))

    change = ConfigEntry("flush.ms", "654321", incremental_operation=AlterConfigOpType.SET)
    done(ADMIN.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, "made", incremental_configs=[change])]))
    same(done(ADMIN.describe_configs([resource]))[resource]["flush.ms"].value, "654321")

    produce("made", [(f"{i}".encode(), b"v") for i in range(100)])
    end = ends("made", 5)
    same(sum(end.values()), 100)
    done(ADMIN.delete_records([TopicPartition("made", n, min(5, offset)) for n, offset in end.items()]))
    same(ends("made", 5, OffsetSpec.earliest()), {n: min(5, offset) for n, offset in end.items()})

    offsets = [TopicPartition("made", 0, 7, metadata="why"), TopicPartition("made", 1, 8)]
    done(ADMIN.alter_consumer_group_offsets([ConsumerGroupTopicPartitions("altered", offsets)]))
    answer = done(ADMIN.list_consumer_group_offsets([ConsumerGroupTopicPartitions("altered")]))["altered"]
    same({p.partition: (p.offset, p.metadata) for p in answer.topic_partitions}, {0: (7, "why"), 1: (8, None)})
    listed = done({0: ADMIN.list_consumer_groups()})[0]
    same(listed.errors, [])
    same([g.state for g in listed.valid if g.group_id == "altered"], [ConsumerGroupState.EMPTY])
    done(ADMIN.delete_consumer_groups(["altered"]))
    assert "altered" not in {g.group_id for g in done({0: ADMIN.list_consumer_groups()})[0].valid}
    refused(KafkaError.GROUP_ID_NOT_FOUND, lambda: done(ADMIN.delete_consumer_groups(["altered"])))

    done(ADMIN.delete_topics(["made"]))
    assert "made" not in ADMIN.list_topics(timeout=PATIENCE_S).topics
    refused(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: done(ADMIN.delete_topics(["made"])))


def transactions():
    create("input", 1)
    create("output", 1)
    produce("input", [(b"k", f"{i}".encode()) for i in range(10)])
    settings = BROKERS | {"transactional.id": "t", "linger.ms": 5}
    producer = Producer(settings)
    producer.init_transactions(PATIENCE_S)
    for name in ["kept", "gone", "kept too"]:
        producer.begin_transaction()
        for i in range(10):
            producer.produce("output", f"{name} {i}")
        producer.flush(PATIENCE_S)
        producer.abort_transaction(PATIENCE_S) if name == "gone" else producer.commit_transaction(PATIENCE_S)
    values = [m.value().decode() for _, m in sorted(read("output", 1, 20).items())]
    same(values, [f"{name} {i}" for name in ["kept", "kept too"] for i in range(10)])
    everything = read("output", 1, 30, **{"isolation.level": "read_uncommitted"})
    # Each marker has an offset of its own.
    same(sorted(offset for _, offset in everything), [*range(10), *range(11, 21), *range(22, 32)])

    # What is open holds back those who read committed records, though not the others.
    producer.begin_transaction()
    producer.produce("output", "open")
    producer.flush(PATIENCE_S)
    asked = {TopicPartition("output", 0): OffsetSpec.latest()}
    end = lambda level: next(iter(done(ADMIN.list_offsets(asked, isolation_level=level)).values())).offset
    same((end(IsolationLevel.READ_COMMITTED), end(IsolationLevel.READ_UNCOMMITTED)), (33, 34))

    # Another with the same id aborts that, and the first is out.
    other = Producer(settings)
    other.init_transactions(PATIENCE_S)
    refused(KafkaError._FENCED, lambda: producer.commit_transaction(PATIENCE_S))
    read("output", 1, 20)

    # Offsets belong to the transaction.
    consumer = Consumer(BROKERS | {"group.id": "pipe", "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe(["input"])
    taken = []
    wait_for("the input is read", lambda: taken.extend(consumer.consume(10, 0.2)) or len(taken) == 10)
    at = lambda: consumer.committed([TopicPartition("input", 0)], timeout=PATIENCE_S)[0].offset
    for end_it, expected in [(other.abort_transaction, -1001), (other.commit_transaction, 10)]:
        other.begin_transaction()
        for message in taken:
            other.produce("output", message.value())
        other.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), PATIENCE_S
        )
        end_it(PATIENCE_S)
        same(at(), expected)
    consumer.close()
    same(len(read("output", 1, 30)), 30)


run(
    {
        "records": records,
        "group": groups,
        "next generation": next_generation,
        "admin": administration,
        "transactions": transactions,
    },
    sys.argv[2:],
)
