package milena.records;

import static milena.records.Samples.NOON;
import static milena.records.Samples.awkward;
import static milena.records.Samples.join;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;

/** Blobs that a broker's log comes to hold: markers, what compaction leaves, and where a fetch cuts off. */
final class LogBlobs {
    private static final int ROOM = 4096;

    private LogBlobs() {
    }

    static Map<String, byte[]> all() {
        Map<String, byte[]> blobs = new LinkedHashMap<>();
        control(blobs);
        compaction(blobs);
        cuts(blobs);
        return blobs;
    }

    private static void control(Map<String, byte[]> blobs) {
        blobs.put("control-commit", marker(ControlRecordType.COMMIT));
        blobs.put("control-abort", marker(ControlRecordType.ABORT));
        blobs.put("control-leader-change", BatchWriter.bytes(MemoryRecords.withLeaderChangeMessage(0, NOON, 6,
            ByteBuffer.allocate(ROOM), new LeaderChangeMessage().setLeaderId(3)
                .setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3), new LeaderChangeMessage.Voter().setVoterId(4)))
                .setGrantingVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3)))).buffer()));
        blobs.put("transaction-aborted", join(
            BatchWriter.magic(2).from(6).producer(77, 2, 0).transactional().write(awkward()),
            BatchWriter.magic(2).from(13).write(awkward()),
            BatchWriter.bytes(MemoryRecords.withEndTransactionMarker(20, NOON, 4, 77, (short) 2,
                new EndTransactionMarker(ControlRecordType.ABORT, 5)).buffer())));
    }

    private static byte[] marker(ControlRecordType type) {
        return BatchWriter.bytes(MemoryRecords.withEndTransactionMarker(33, NOON, 4, 77, (short) 2,
            new EndTransactionMarker(type, 5)).buffer());
    }

    private static void compaction(Map<String, byte[]> blobs) {
        ByteBuffer empty = ByteBuffer.allocate(ROOM);
        DefaultRecordBatch.writeEmptyHeader(empty, RecordBatch.CURRENT_MAGIC_VALUE, 5, (short) 1, 20, 300, 309, 2,
            TimestampType.CREATE_TIME, NOON, true, false);
        blobs.put("empty-batch", BatchWriter.bytes(empty.flip()));
        byte[] before = join(
            BatchWriter.magic(2).from(100).producer(5, 1, 0).write(awkward()),
            BatchWriter.magic(2).codec(CompressionType.LZ4).from(107).producer(5, 1, 7).write(awkward()),
            BatchWriter.magic(2).from(114).producer(5, 1, 14).write(awkward()));
        blobs.put("compacted", compact(before, List.of(101L, 102L, 112L)));
        blobs.put("compacted-legacy", compact(join(
            BatchWriter.magic(1).codec(CompressionType.GZIP).from(100).write(awkward()),
            BatchWriter.magic(0).codec(CompressionType.SNAPPY).from(107).write(awkward())), List.of(101L, 104L, 108L, 112L)));
    }

    /** What Kafka's log cleaner leaves when only the records at some offsets stay: batches keep their offsets. */
    private static byte[] compact(byte[] blob, List<Long> survivors) {
        ByteBuffer out = ByteBuffer.allocate(ROOM);
        MemoryRecords.RecordFilter filter = new MemoryRecords.RecordFilter(NOON, 1_000) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return survivors.contains(record.offset());
            }
        };
        var result = MemoryRecords.readableRecords(ByteBuffer.wrap(blob)).filterTo(filter, out, BufferSupplier.NO_CACHING);
        return BatchWriter.bytes(result.outputBuffer().flip());
    }

    /** A broker cuts a fetch where its bytes run out; what is incomplete at the end does not count. */
    private static void cuts(Map<String, byte[]> blobs) {
        byte[] whole = BatchWriter.magic(2).from(8).write(awkward());
        byte[] next = BatchWriter.magic(2).codec(CompressionType.LZ4).from(15).write(awkward());
        for (int length : new int[] {1, 11, 12, 16, 17, 60, 61, next.length - 1}) {
            blobs.put("cut-after-" + length, join(whole, Arrays.copyOf(next, length)));
        }
        byte[] legacy = BatchWriter.magic(1).from(15).write(awkward());
        blobs.put("cut-legacy", Arrays.copyOf(legacy, legacy.length - 1));
        blobs.put("cut-alone", Arrays.copyOf(next, next.length - 1));
    }
}
