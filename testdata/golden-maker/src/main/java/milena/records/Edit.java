package milena.records;

import java.nio.ByteBuffer;
import java.util.Arrays;

import org.apache.kafka.common.utils.Crc32C;

/** Changes the bytes of one batch of magic 2; {@link #done} makes its length and its checksum right again. */
final class Edit {
    private static final int LENGTH = 8;
    private static final int LENGTH_COUNTS_FROM = 12;
    private static final int CRC = 17;
    private static final int ATTRIBUTES = 21;
    private static final int COUNT = 57;
    private static final int RECORDS = 61;

    private byte[] batch;

    Edit(byte[] batch) {
        this.batch = batch.clone();
    }

    /** The bytes of a batch's records, as they are in it. */
    static byte[] records(byte[] batch) {
        return Arrays.copyOfRange(batch, RECORDS, batch.length);
    }

    Edit attributes(int attributes) {
        ByteBuffer.wrap(batch).putShort(ATTRIBUTES, (short) attributes);
        return this;
    }

    Edit count(int count) {
        ByteBuffer.wrap(batch).putInt(COUNT, count);
        return this;
    }

    Edit payload(int... payload) {
        byte[] bytes = new byte[payload.length];
        for (int i = 0; i < payload.length; i++) {
            bytes[i] = (byte) payload[i];
        }
        return payload(bytes);
    }

    Edit payload(byte[] payload) {
        batch = Samples.join(Arrays.copyOf(batch, RECORDS), payload);
        return this;
    }

    byte[] done() {
        ByteBuffer header = ByteBuffer.wrap(batch);
        header.putInt(LENGTH, batch.length - LENGTH_COUNTS_FROM);
        header.putInt(CRC, (int) Crc32C.compute(batch, ATTRIBUTES, batch.length - ATTRIBUTES));
        return batch;
    }

    /** A copy with one byte changed, and nothing made right. */
    static byte[] flip(byte[] blob, int at) {
        byte[] copy = blob.clone();
        copy[at] ^= 1;
        return copy;
    }

    /** A copy with another byte in one place, and nothing made right. */
    static byte[] put(byte[] blob, int at, int value) {
        byte[] copy = blob.clone();
        copy[at] = (byte) value;
        return copy;
    }

    /** A copy with another declared length, and nothing made right. */
    static byte[] length(byte[] blob, int length) {
        byte[] copy = blob.clone();
        ByteBuffer.wrap(copy).putInt(LENGTH, length);
        return copy;
    }
}
