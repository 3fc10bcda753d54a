"""librdkafka, through confluent-kafka: a producer for each compression, then two consumers in one group."""

import os
import time

from confluent_kafka import Consumer, Producer

BROKERS = {"bootstrap.servers": os.environ["BOOTSTRAP"]}
COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"]
EACH = 6
LIMIT_S = 60


def produce():
    for compression in COMPRESSIONS:
        producer = Producer(BROKERS | {"client.id": f"producer-{compression}", "compression.type": compression})
        for i in range(EACH):
            # Long enough that librdkafka does not send it plain, which it does where compression gains nothing.
            value = f"value {i} with {compression} " * 8
            producer.produce("records", value, f"key-{i}", headers=[("origin", b"librdkafka"), ("null", None)])
        producer.flush(LIMIT_S)


def consumer(name, assignor):
    settings = {
        "client.id": name,
        "group.id": "librdkafka",
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": assignor,
        "auto.commit.interval.ms": 500,
        "heartbeat.interval.ms": 500,
    }
    joined = Consumer(BROKERS | settings)
    joined.subscribe(["records"])
    return joined


def poll_until(consumers, done):
    """Polls in turn, as an application does: that is what moves a rebalance on."""
    deadline = time.monotonic() + LIMIT_S
    seen = 0
    while not done(seen):
        assert time.monotonic() < deadline, "the consumers did not get there"
        for each in consumers:
            message = each.poll(0.1)
            if message is not None:
                assert message.error() is None, message.error()
                seen += 1


def share(assignor):
    first = consumer(f"first-{assignor}", assignor)
    poll_until([first], lambda seen: len(first.assignment()) == 3)
    second = consumer(f"second-{assignor}", assignor)
    poll_until([first, second], lambda seen: first.assignment() and second.assignment())
    second.close()
    poll_until([first], lambda seen: len(first.assignment()) == 3)
    first.close()


produce()
reader = consumer("reader", "range")
poll_until([reader], lambda seen: seen == EACH * len(COMPRESSIONS))
reader.commit(asynchronous=False)
reader.close()
share("range")
share("cooperative-sticky")
