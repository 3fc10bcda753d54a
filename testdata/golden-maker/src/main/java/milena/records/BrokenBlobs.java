package milena.records;

import static milena.records.Samples.LAST;
import static milena.records.Samples.awkward;
import static milena.records.Samples.join;
import static milena.records.Samples.record;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;

import com.github.luben.zstd.Zstd;

import org.apache.kafka.common.record.internal.CompressionType;
import org.xerial.snappy.Snappy;

/** Blobs that are wrong, each in one way; where it is not about the checksum or the length, these are right. */
final class BrokenBlobs {
    private static final int ENTRY_HEADER = 12;
    private static final int MAGIC = 16;
    private static final byte[] GARBAGE = Samples.bytes("this is not compressed data, whatever the header says");

    private final List<Broken> all = new ArrayList<>();
    private final byte[] plain = BatchWriter.magic(2).from(40).write(awkward());
    private final byte[] records = Edit.records(plain);
    private final byte[] one = BatchWriter.magic(2).from(40).write(record(Samples.NOON, "k", "v"));

    private BrokenBlobs() {
    }

    /** A blob, what is wrong with it, and what comes before that. */
    record Broken(String name, String what, byte[] blob, byte[] before) {
    }

    static List<Broken> all() throws IOException {
        BrokenBlobs blobs = new BrokenBlobs();
        blobs.batches();
        blobs.records();
        blobs.compressed();
        blobs.legacy();
        return blobs.all;
    }

    private void add(String name, String what, byte[] blob) {
        all.add(new Broken(name, what, blob, new byte[0]));
    }

    private void batches() {
        for (int magic = 0; magic <= 2; magic++) {
            byte[] batch = BatchWriter.magic(magic).write(record(Samples.NOON, "key", "value"));
            add("crc-magic" + magic, "the checksum does not match: the last bit of the value is flipped",
                Edit.flip(batch, batch.length - 3));
        }
        all.add(new Broken("second-batch", "the checksum of the second batch does not match; the first batch is right",
            join(plain, Edit.flip(plain, plain.length - 1)), plain));
        all.add(new Broken("size-13-second-batch", "the declared size of the second batch is 13; the first batch is right",
            join(plain, Edit.length(plain, 13)), plain));
        add("size-13", "the declared size 13 is below the least of any format, 14", Edit.length(plain, 13));
        add("size-0", "the declared size is 0", Edit.length(plain, 0));
        add("size-negative", "the declared size is -1", Edit.length(plain, -1));
        add("size-48-magic2", "the declared size 48 is below the 49 bytes of a header of magic 2",
            Edit.length(Arrays.copyOf(plain, ENTRY_HEADER + 48), 48));
        add("magic-3", "the magic byte is 3", Edit.put(plain, MAGIC, 3));
        add("magic-negative", "the magic byte is -1", Edit.put(plain, MAGIC, -1));
        for (int codec = 5; codec <= 7; codec++) {
            add("codec-" + codec, "the attributes name the codec " + codec + ", which does not exist",
                new Edit(plain).attributes(codec).done());
        }
    }

    private void records() throws IOException {
        add("count-high", "the header counts 8 records, there are 7", new Edit(plain).count(8).done());
        add("count-low", "the header counts 6 records, there are 7", new Edit(plain).count(6).done());
        add("count-huge", "the header counts 2147483647 records, there are 7", new Edit(plain).count(Integer.MAX_VALUE).done());
        add("count-negative", "the header counts -1 records", new Edit(plain).count(-1).done());
        byte[] gzip = OddBlobs.compressed(plain, CompressionType.GZIP, OddBlobs.gzip(records));
        add("count-high-gzip", "the header counts 8 records, there are 7 in the gzip data", new Edit(gzip).count(8).done());
        add("count-low-gzip", "the header counts 6 records, there are 7 in the gzip data", new Edit(gzip).count(6).done());
        add("records-cut", "the last record ends after the batch does",
            new Edit(plain).payload(Arrays.copyOf(records, records.length - 1)).done());
        add("records-cut-gzip", "the last record ends after the gzip data does",
            new Edit(gzip).payload(OddBlobs.gzip(Arrays.copyOf(records, records.length - 1))).done());
        add("byte-left", "a byte is left after the last record", new Edit(plain).payload(join(records, new byte[1])).done());

        // length, attributes, timestamp, offset, key length, key, value length, value, number of headers: all zigzag varints
        edited("record-length-negative", "the record's length is -1", 1, 0, 0, 0, 2, 'k', 2, 'v', 0);
        edited("record-length-long", "the record's length is 9, its fields take 8", 18, 0, 0, 0, 2, 'k', 2, 'v', 0, 0);
        edited("record-length-short", "the record's length is 7, its fields take 8", 14, 0, 0, 0, 2, 'k', 2, 'v', 0);
        edited("record-length-huge", "the record's length is 2147483647", 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 2, 'k', 2, 'v', 0);
        edited("varint-endless", "the record's length is a varint of six bytes",
            0x90, 0x80, 0x80, 0x80, 0x80, 0x00, 0, 0, 0, 2, 'k', 2, 'v', 0);
        edited("key-length-past-end", "the key's length is 60, with 4 bytes left", 16, 0, 0, 0, 120, 'k', 2, 'v', 0);
        edited("value-length-past-end", "the value's length is 60, with 2 bytes left", 16, 0, 0, 0, 2, 'k', 120, 'v', 0);
        edited("header-count-negative", "the number of headers is -1", 16, 0, 0, 0, 2, 'k', 2, 'v', 1);
        edited("header-count-huge", "the number of headers is 60, with no byte left", 16, 0, 0, 0, 2, 'k', 2, 'v', 120);
        edited("header-key-negative", "the length of a header's key is -1", 20, 0, 0, 0, 2, 'k', 2, 'v', 2, 1, 1);
        edited("header-key-past-end", "the length of a header's key is 60, with 1 byte left",
            20, 0, 0, 0, 2, 'k', 2, 'v', 2, 120, 1);
        edited("header-value-past-end", "the length of a header's value is 60, with no byte left",
            22, 0, 0, 0, 2, 'k', 2, 'v', 2, 2, 'h', 120);
    }

    /** A batch with one record, whose bytes are these. */
    private void edited(String name, String what, int... record) {
        add(name, what, new Edit(one).payload(record).done());
    }

    private void compressed() throws IOException {
        for (CompressionType codec : CompressionType.values()) {
            if (codec == CompressionType.NONE) {
                continue;
            }
            add("garbage-" + codec.name, "the " + codec.name + " data is no such thing",
                OddBlobs.compressed(plain, codec, GARBAGE));
            add("no-data-" + codec.name, "there is no " + codec.name + " data at all",
                OddBlobs.compressed(plain, codec, new byte[0]));
            byte[] whole = Edit.records(BatchWriter.magic(2).codec(codec).write(Samples.large()));
            add("cut-" + codec.name, "the " + codec.name + " data ends in its middle", OddBlobs.compressed(
                BatchWriter.magic(2).write(Samples.large()), codec, Arrays.copyOf(whole, whole.length / 2)));
        }
        add("snappy-4-gib", "raw snappy that declares 4294967295 bytes and has none", OddBlobs.compressed(
            plain, CompressionType.SNAPPY, new byte[] {(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x0f, 0}));
        byte[] lz4 = new Lz4Frame().write(records);
        add("lz4-header-checksum", "the checksum of the LZ4 frame's header does not match",
            OddBlobs.compressed(plain, CompressionType.LZ4, Edit.flip(lz4, 6)));
        byte[] checked = new Lz4Frame().blockChecksums().write(records);
        add("lz4-block-checksum", "the checksum of the LZ4 block does not match",
            OddBlobs.compressed(plain, CompressionType.LZ4, Edit.flip(checked, checked.length - 5)));
        byte[] gzip = OddBlobs.gzip(records);
        add("gzip-checksum", "the checksum at the end of the gzip data does not match",
            OddBlobs.compressed(plain, CompressionType.GZIP, Edit.flip(gzip, gzip.length - 8)));
        add("bytes-left-zstd", "a byte is left after the last record in the zstd data",
            OddBlobs.compressed(plain, CompressionType.ZSTD, Zstd.compress(join(records, new byte[1]))));
    }

    private void legacy() throws IOException {
        for (int magic = 0; magic <= 1; magic++) {
            String name = "-magic" + magic;
            byte[] message = BatchWriter.magic(magic).write(record(Samples.NOON, "key", "value"));
            int key = magic == 0 ? 18 : 26;
            add("key-length-past-end" + name, "the key's length is 60, with 12 bytes left", repaired(Edit.put(message, key + 3, 60)));
            add("value-length-past-end" + name, "the value's length is 60, with 5 bytes left",
                repaired(Edit.put(message, key + 10, 60)));
            byte[] inner = OddBlobs.inner(magic);
            byte[] broken = Edit.flip(inner, inner.length - 1);
            add("inner-crc" + name, "the checksum of the last message in the wrapper does not match",
                OddBlobs.wrapped(magic, LAST, CompressionType.GZIP, OddBlobs.gzip(broken)));
            add("wrapper-null" + name, "the wrapper's value is null", OddBlobs.wrapped(magic, LAST, CompressionType.GZIP, null));
            add("wrapper-empty" + name, "the wrapper has no messages in it",
                OddBlobs.wrapped(magic, LAST, CompressionType.GZIP, OddBlobs.gzip(new byte[0])));
            add("wrapper-in-wrapper" + name, "a wrapper holds a wrapper", OddBlobs.wrapped(magic, LAST, CompressionType.GZIP,
                OddBlobs.gzip(OddBlobs.wrapped(magic, LAST, CompressionType.GZIP, OddBlobs.gzip(inner)))));
            add("zstd" + name, "zstd in a format that does not have it",
                OddBlobs.wrapped(magic, LAST, CompressionType.ZSTD, Zstd.compress(inner)));
            add("garbage-snappy" + name, "the snappy data is no such thing",
                OddBlobs.wrapped(magic, LAST, CompressionType.SNAPPY, GARBAGE));
        }
        byte[] message = BatchWriter.magic(1).write(record(Samples.NOON, "key", "value"));
        add("size-14-magic1", "the declared size 14 leaves no room for the lengths of key and value",
            repaired(Arrays.copyOf(message, ENTRY_HEADER + 14)));
        add("wrapper-offset", "the wrapper's offset 3 is below the last offset in it, 6",
            OddBlobs.wrapped(1, 3, CompressionType.SNAPPY, Snappy.compress(OddBlobs.inner(1))));
    }

    /** A message of magic 0 or 1 with the right size and checksum for its bytes. */
    private static byte[] repaired(byte[] message) {
        ByteBuffer header = ByteBuffer.wrap(message);
        header.putInt(8, message.length - ENTRY_HEADER);
        CRC32 crc = new CRC32();
        crc.update(message, MAGIC, message.length - MAGIC);
        header.putInt(ENTRY_HEADER, (int) crc.getValue());
        return message;
    }
}
