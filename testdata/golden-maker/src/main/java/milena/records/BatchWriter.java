package milena.records;

import java.nio.ByteBuffer;

import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/** Kafka's builder of batches, with names for its fourteen parameters and values for those that do not matter. */
final class BatchWriter {
    private static final int ROOM = 1 << 20;

    private final byte magic;
    private CompressionType codec = CompressionType.NONE;
    private TimestampType timestampType;
    private long baseOffset;
    private long logAppendTime = RecordBatch.NO_TIMESTAMP;
    private long producerId = RecordBatch.NO_PRODUCER_ID;
    private short producerEpoch = RecordBatch.NO_PRODUCER_EPOCH;
    private int baseSequence = RecordBatch.NO_SEQUENCE;
    private boolean transactional;
    private int leaderEpoch = RecordBatch.NO_PARTITION_LEADER_EPOCH;
    private long deleteHorizonMs = RecordBatch.NO_TIMESTAMP;

    private BatchWriter(int magic) {
        this.magic = (byte) magic;
        this.timestampType = magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME;
    }

    static BatchWriter magic(int magic) {
        return new BatchWriter(magic);
    }

    BatchWriter codec(CompressionType codec) {
        this.codec = codec;
        return this;
    }

    BatchWriter from(long baseOffset) {
        this.baseOffset = baseOffset;
        return this;
    }

    BatchWriter appendedAt(long logAppendTime) {
        this.timestampType = TimestampType.LOG_APPEND_TIME;
        this.logAppendTime = logAppendTime;
        return this;
    }

    BatchWriter producer(long id, int epoch, int sequence) {
        this.producerId = id;
        this.producerEpoch = (short) epoch;
        this.baseSequence = sequence;
        return this;
    }

    BatchWriter transactional() {
        this.transactional = true;
        return this;
    }

    BatchWriter leaderEpoch(int leaderEpoch) {
        this.leaderEpoch = leaderEpoch;
        return this;
    }

    BatchWriter deleteHorizon(long deleteHorizonMs) {
        this.deleteHorizonMs = deleteHorizonMs;
        return this;
    }

    /** Records at the offsets that follow one another. */
    byte[] write(SimpleRecord... records) {
        return write(1, records);
    }

    /** Records with gaps between them, as compaction leaves them: every step-th offset. */
    byte[] write(int step, SimpleRecord... records) {
        ByteBufferOutputStream out = new ByteBufferOutputStream(ROOM);
        try (MemoryRecordsBuilder builder = new MemoryRecordsBuilder(out, magic, Compression.of(codec).build(),
                timestampType, baseOffset, logAppendTime, producerId, producerEpoch, baseSequence, transactional,
                false, leaderEpoch, ROOM, deleteHorizonMs)) {
            long offset = baseOffset;
            for (SimpleRecord record : records) {
                Header[] headers = magic < RecordBatch.MAGIC_VALUE_V2 ? new Header[0] : record.headers();
                long timestamp = magic == RecordBatch.MAGIC_VALUE_V0 ? RecordBatch.NO_TIMESTAMP : record.timestamp();
                builder.appendWithOffset(offset, timestamp, record.key(), record.value(), headers);
                offset += step;
            }
            return bytes(builder.build().buffer());
        }
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }
}
