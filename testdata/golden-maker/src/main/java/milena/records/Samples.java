package milena.records;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;

import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.SimpleRecord;

/** The records that fill the blobs. */
final class Samples {
    /** A time of day in 2023, in milliseconds. */
    static final long NOON = 1_700_000_000_000L;

    private Samples() {
    }

    /** Six records: keys and values that are text, null, empty and not UTF-8; headers of every kind. */
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
