"""kafka-python: a producer for each compression, then two consumers in one group.

Argument: the version of the broker to take for granted, such as 0.9: its message versions and record format are used.
"""

import os
import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer

VERSION = tuple(int(part) for part in sys.argv[1].split(".")) if len(sys.argv) > 1 else None
BROKERS = {"bootstrap_servers": os.environ["BOOTSTRAP"], "api_version": VERSION}
COMPRESSIONS = [None, "gzip", "snappy", "lz4", "zstd"]
HEADERS = [("origin", b"kafka-python")]
if VERSION:
    # Zstandard and headers came later than the old formats.
    COMPRESSIONS.remove("zstd")
    HEADERS = None
if VERSION == (0, 9):
    # This client never gets to send its batches of the oldest format with LZ4.
    COMPRESSIONS.remove("lz4")
EACH = 6
LIMIT_S = 60


def produce():
    for compression in COMPRESSIONS:
        name = f"producer-{compression}"
        producer = KafkaProducer(**BROKERS, client_id=name, compression_type=compression)
        for i in range(EACH):
            value = f"value {i} with {compression} " * 8
            producer.send("records", value.encode(), f"key-{i}".encode(), headers=HEADERS)
        producer.flush(LIMIT_S)
        producer.close()


class Member(threading.Thread):
    """A member of the group that polls until it is told to stop."""

    def __init__(self, name):
        super().__init__()
        self.seen = 0
        self.stopped = threading.Event()
        self.consumer = KafkaConsumer(
            "records",
            **BROKERS,
            client_id=name,
            group_id="kafka-python",
            auto_offset_reset="earliest",
            auto_commit_interval_ms=500,
            heartbeat_interval_ms=500,
        )

    def run(self):
        while not self.stopped.is_set():
            for records in self.consumer.poll(timeout_ms=200).values():
                self.seen += len(records)
        self.consumer.close()

    def stop(self):
        self.stopped.set()
        self.join()


def wait_for(done):
    deadline = time.monotonic() + LIMIT_S
    while not done():
        assert time.monotonic() < deadline, "the consumers did not get there"
        time.sleep(0.1)


produce()
first = Member("first")
first.start()
wait_for(lambda: first.seen == EACH * len(COMPRESSIONS))
second = Member("second")
second.start()
wait_for(lambda: second.consumer.assignment() and len(first.consumer.assignment()) < 3)
second.stop()
wait_for(lambda: len(first.consumer.assignment()) == 3)
first.stop()
