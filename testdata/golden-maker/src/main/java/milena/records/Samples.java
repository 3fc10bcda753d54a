package milena.records;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.SplittableRandom;

import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.SimpleRecord;

/** The records that fill the blobs. */
final class Samples {
    /** A time of day in 2023, in milliseconds. */
    static final long NOON = 1_700_000_000_000L;

    /** The offset of the last of the {@link #awkward} records, counted from the first. */
    static final int LAST = 6;

    private static final int LARGE = 80 * 1024;
    private static final int NOISE = 10 * 1024;

    private Samples() {
    }

    /** Seven records: keys and values that are text, null, empty and not UTF-8; headers of every kind. */
    static SimpleRecord[] awkward() {
        return new SimpleRecord[] {
            record(NOON, "key", "value"),
            record(NOON + 1, null, "no key", header("trace", "abc")),
            record(NOON - 5_000, "no value", null, header("null", null), header("empty", "")),
            record(-1, "", "empty key, no timestamp", header("", "empty name"), header("größe", "non-ASCII name")),
            record(NOON + 3_600_000, "empty value", "",
                header("twice", "first"), header("between", "x"), header("twice", "second"), header("twice", "first")),
            new SimpleRecord(NOON + 2, new byte[] {(byte) 0xff, 0, (byte) 0xc3}, new byte[] {(byte) 0x80, (byte) 0xfe},
                new Header[] {new RecordHeader("binary", new byte[] {0, (byte) 0xff})}),
            record(NOON + 3, null, null),
        };
    }

    /** Values that take several blocks of any codec: text that repeats itself, and bytes that do not compress. */
    static SimpleRecord[] large() {
        StringBuilder text = new StringBuilder();
        SplittableRandom random = new SplittableRandom(1);
        while (text.length() < LARGE) {
            text.append("word").append(random.nextInt(1000)).append(' ');
        }
        byte[] noise = new byte[NOISE];
        random.nextBytes(noise);
        return new SimpleRecord[] {
            record(NOON, "text", text.substring(0, LARGE)),
            new SimpleRecord(NOON + 1, bytes("noise"), noise),
            record(NOON + 2, "again", text.substring(0, LARGE / 2)),
        };
    }

    static SimpleRecord record(long timestamp, String key, String value, Header... headers) {
        return new SimpleRecord(timestamp, bytes(key), bytes(value), headers);
    }

    static Header header(String key, String value) {
        return new RecordHeader(key, bytes(value));
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(UTF_8);
    }

    static byte[] join(byte[]... blobs) {
        int length = 0;
        for (byte[] blob : blobs) {
            length += blob.length;
        }
        ByteBuffer joined = ByteBuffer.allocate(length);
        for (byte[] blob : blobs) {
            joined.put(blob);
        }
        return joined.array();
    }
}
