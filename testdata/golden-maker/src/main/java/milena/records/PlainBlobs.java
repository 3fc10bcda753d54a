package milena.records;

import static milena.records.Samples.NOON;
import static milena.records.Samples.awkward;
import static milena.records.Samples.join;
import static milena.records.Samples.record;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.SimpleRecord;

/** Blobs as Kafka's own builder writes them. */
final class PlainBlobs {
    private static final long APPENDED = NOON + 86_400_000;
    private static final int MANY = 500;

    private PlainBlobs() {
    }

    static Map<String, byte[]> all() {
        Map<String, byte[]> blobs = new LinkedHashMap<>();
        formatsAndCodecs(blobs);
        timestamps(blobs);
        producers(blobs);
        sizes(blobs);
        return blobs;
    }

    private static void formatsAndCodecs(Map<String, byte[]> blobs) {
        for (int magic = 0; magic <= 2; magic++) {
            for (CompressionType codec : CompressionType.values()) {
                if (magic == 2 || codec != CompressionType.ZSTD) {
                    blobs.put("magic" + magic + "-" + codec.name,
                        BatchWriter.magic(magic).codec(codec).from(40).write(awkward()));
                }
            }
        }
        blobs.put("mixed", join(
            BatchWriter.magic(0).from(3).write(awkward()),
            BatchWriter.magic(1).codec(CompressionType.GZIP).from(20).write(awkward()),
            BatchWriter.magic(2).codec(CompressionType.LZ4).from(40).write(awkward()),
            BatchWriter.magic(0).codec(CompressionType.SNAPPY).from(60).write(awkward()),
            BatchWriter.magic(1).from(80).write(awkward()),
            BatchWriter.magic(2).codec(CompressionType.ZSTD).from(100).leaderEpoch(7).write(awkward()),
            BatchWriter.magic(2).from(1L << 40).write(awkward()),
            BatchWriter.magic(1).codec(CompressionType.LZ4).from((1L << 40) + 10).write(awkward())));
    }

    private static void timestamps(Map<String, byte[]> blobs) {
        blobs.put("log-append-time-magic1", BatchWriter.magic(1).from(5).appendedAt(APPENDED).write(awkward()));
        blobs.put("log-append-time-magic1-gzip",
            BatchWriter.magic(1).codec(CompressionType.GZIP).from(5).appendedAt(APPENDED).write(awkward()));
        blobs.put("log-append-time-magic2", BatchWriter.magic(2).from(5).appendedAt(APPENDED).write(awkward()));
        blobs.put("log-append-time-magic2-zstd",
            BatchWriter.magic(2).codec(CompressionType.ZSTD).from(5).appendedAt(APPENDED).write(awkward()));
        blobs.put("no-timestamps",
            BatchWriter.magic(2).write(record(-1, "a", "1"), record(-1, "b", "2")));
        blobs.put("far-timestamps", BatchWriter.magic(2).write(
            record(0, "a", "first"), record(Long.MAX_VALUE, "b", "last"), record(-1, "c", "none"), record(1, "d", "")));
        blobs.put("delete-horizon",
            BatchWriter.magic(2).from(9).deleteHorizon(NOON + 60_000).write(awkward()));
    }

    private static void producers(Map<String, byte[]> blobs) {
        blobs.put("idempotent", BatchWriter.magic(2).from(70).producer(4_000_000_001L, 3, 17).leaderEpoch(12).write(awkward()));
        blobs.put("idempotent-sequence-wraps",
            BatchWriter.magic(2).producer(1, Short.MAX_VALUE, Integer.MAX_VALUE - 1).write(awkward()));
        blobs.put("transactional", join(
            BatchWriter.magic(2).from(1).producer(9, 0, 0).transactional().write(awkward()),
            BatchWriter.magic(2).codec(CompressionType.SNAPPY).from(8).producer(9, 0, 7).transactional().write(awkward())));
    }

    private static void sizes(Map<String, byte[]> blobs) {
        blobs.put("nothing", new byte[0]);
        blobs.put("offset-gaps", join(
            BatchWriter.magic(2).from(100).write(250, awkward()),
            BatchWriter.magic(2).codec(CompressionType.GZIP).from(5_000).write(1 << 28, awkward()),
            BatchWriter.magic(1).codec(CompressionType.GZIP).from(5_000_000_000L).write(7, awkward()),
            BatchWriter.magic(0).codec(CompressionType.GZIP).from(6_000_000_000L).write(7, awkward())));
        for (CompressionType codec : CompressionType.values()) {
            int magic = codec == CompressionType.NONE ? 1 : 2;
            blobs.put("large-" + codec.name, BatchWriter.magic(magic).codec(codec).write(Samples.large()));
        }
        blobs.put("large-magic1-lz4", BatchWriter.magic(1).codec(CompressionType.LZ4).write(Samples.large()));
        blobs.put("large-magic0-snappy", BatchWriter.magic(0).codec(CompressionType.SNAPPY).write(Samples.large()));
        SimpleRecord[] many = new SimpleRecord[MANY];
        Arrays.setAll(many, i -> record(NOON + i * 1_000L, "key-" + i % 7, "value " + i));
        blobs.put("many-zstd", BatchWriter.magic(2).codec(CompressionType.ZSTD).from(1_000_000).write(many));
        blobs.put("many-none", BatchWriter.magic(2).from(1_000_000).write(many));
    }
}
