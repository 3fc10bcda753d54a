package milena.records;

import static milena.records.Samples.LAST;
import static milena.records.Samples.NOON;
import static milena.records.Samples.awkward;
import static milena.records.Samples.join;
import static milena.records.Samples.record;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.GZIPOutputStream;

import com.github.luben.zstd.Zstd;

import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.LegacyRecord;
import org.xerial.snappy.Snappy;

/** Valid batches that Kafka's classes never write: some come from other clients, some from nobody yet. */
final class OddBlobs {
    private OddBlobs() {
    }

    /** A blob, and one that Kafka reads with the same records in it: often the same. */
    record Twins(byte[] blob, byte[] readable) {
        Twins(byte[] blob) {
            this(blob, blob);
        }
    }

    static Map<String, Twins> all() throws IOException {
        Map<String, Twins> blobs = new LinkedHashMap<>();
        byte[] plain = BatchWriter.magic(2).from(40).write(awkward());
        byte[] records = Edit.records(plain);
        byte[] front = Arrays.copyOf(records, records.length / 2);
        byte[] back = Arrays.copyOfRange(records, front.length, records.length);

        blobs.put("gzip-members", new Twins(compressed(plain, CompressionType.GZIP, join(gzip(front), gzip(back)))));
        blobs.put("zstd-frames",
            new Twins(compressed(plain, CompressionType.ZSTD, join(Zstd.compress(front), Zstd.compress(back)))));
        blobs.put("snappy-raw", new Twins(compressed(plain, CompressionType.SNAPPY, Snappy.compress(records))));
        blobs.put("snappy-raw-magic1", new Twins(wrapped(1, 40 + LAST, CompressionType.SNAPPY, Snappy.compress(inner(1)))));
        blobs.put("snappy-raw-magic0", new Twins(wrapped(0, LAST, CompressionType.SNAPPY, Snappy.compress(inner(0)))));
        blobs.put("magic0-lz4-right-checksum", new Twins(wrapped(0, LAST, CompressionType.LZ4, new Lz4Frame().write(inner(0)))));
        blobs.put("magic1-wrapper-offset-0", new Twins(wrapped(1, 0, CompressionType.GZIP, gzip(inner(1)))));
        blobs.put("count-0-with-payload", new Twins(new Edit(plain).count(0).done()));
        blobs.put("negative-lengths-are-null", new Twins(new Edit(BatchWriter.magic(2).from(40).write(record(NOON, "k", "v")))
            .payload(12, 0, 0, 0, 9, 5, 0).done()));
        blobs.put("unused-attributes", new Twins(new Edit(plain).attributes(0xff80).done()));
        // The last message is cut off: within itself, or within its offset and size.
        for (int magic = 0; magic <= 1; magic++) {
            byte[] messages = inner(magic);
            long last = magic == 0 ? LAST - 1 : 40 + LAST - 1;
            byte[] cut = Arrays.copyOf(messages, messages.length - 3);
            blobs.put("wrapper-cut-magic" + magic, new Twins(wrapped(magic, last, CompressionType.GZIP, gzip(cut))));
            byte[] early = Arrays.copyOf(messages, messages.length
                - BatchWriter.magic(magic).write(Samples.record(0, null, null)).length + 7);
            blobs.put("wrapper-cut-early-magic" + magic, new Twins(wrapped(magic, last, CompressionType.GZIP, gzip(early))));
        }
        lz4(blobs);
        return blobs;
    }

    private static void lz4(Map<String, Twins> blobs) throws IOException {
        byte[] plain = BatchWriter.magic(2).from(40).write(Samples.large());
        byte[] records = Edit.records(plain);
        blobs.put("lz4-block-checksums", lz4(plain, new Lz4Frame().blockChecksums().write(records)));
        blobs.put("lz4-content-checksum", lz4(plain, new Lz4Frame().contentChecksum().write(records)));
        blobs.put("lz4-content-size", lz4(plain, new Lz4Frame().contentSize().write(records)));
        blobs.put("lz4-blocks-256k", lz4(plain, new Lz4Frame().blocksOf256KiB().write(records)));
        blobs.put("lz4-stored-blocks", lz4(BatchWriter.magic(2).write(awkward()),
            new Lz4Frame().stored().write(Edit.records(BatchWriter.magic(2).write(awkward())))));
        // Kafka does not read blocks that refer to the one before; other clients do.
        blobs.put("lz4-linked-blocks", new Twins(
            compressed(plain, CompressionType.LZ4, new Lz4Frame().linkedBlocks().write(records)), plain));
        blobs.put("lz4-linked-blocks-all-checksums", new Twins(compressed(plain, CompressionType.LZ4,
            new Lz4Frame().linkedBlocks().blockChecksums().contentChecksum().contentSize().write(records)), plain));
    }

    private static Twins lz4(byte[] plain, byte[] frame) {
        return new Twins(compressed(plain, CompressionType.LZ4, frame));
    }

    /** A batch of magic 2 with the header of another, and other bytes in place of its records. */
    static byte[] compressed(byte[] plain, CompressionType codec, byte[] payload) {
        return new Edit(plain).attributes(codec.id).payload(payload).done();
    }

    /** A message of magic 0 or 1 that wraps others. */
    static byte[] wrapped(int magic, long offset, CompressionType codec, byte[] payload) {
        TimestampType type = magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME;
        ByteBuffer message = LegacyRecord.create((byte) magic, NOON, null, payload, codec, type).buffer();
        return entry(offset, BatchWriter.bytes(message));
    }

    /** An entry of a message set: its offset and size, then the message. */
    static byte[] entry(long offset, byte[] message) {
        return ByteBuffer.allocate(Long.BYTES + Integer.BYTES + message.length)
            .putLong(offset).putInt(message.length).put(message).array();
    }

    /** Messages as they stand in a wrapper, their offsets from 0. */
    static byte[] inner(int magic) {
        return BatchWriter.magic(magic).write(awkward());
    }

    static byte[] gzip(byte[] plain) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(plain);
        }
        return out.toByteArray();
    }
}
