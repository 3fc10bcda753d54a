package milena.records;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

import net.jpountz.lz4.LZ4Factory;
import net.jpountz.xxhash.XXHashFactory;

/** Writes LZ4 frames with each option of the frame format, which Kafka's writer does not have. */
final class Lz4Frame {
    private static final int MAGIC = 0x184D2204;
    private static final int VERSION = 1 << 6;
    private static final int INDEPENDENT = 1 << 5;
    private static final int BLOCK_CHECKSUMS = 1 << 4;
    private static final int CONTENT_SIZE = 1 << 3;
    private static final int CONTENT_CHECKSUM = 1 << 2;
    private static final int STORED = 0x80000000;

    private int flags = VERSION | INDEPENDENT;
    private int sizeCode = 4;
    private boolean stored;

    Lz4Frame blockChecksums() {
        flags |= BLOCK_CHECKSUMS;
        return this;
    }

    Lz4Frame contentChecksum() {
        flags |= CONTENT_CHECKSUM;
        return this;
    }

    Lz4Frame contentSize() {
        flags |= CONTENT_SIZE;
        return this;
    }

    Lz4Frame linkedBlocks() {
        flags &= ~INDEPENDENT;
        return this;
    }

    Lz4Frame blocksOf256KiB() {
        sizeCode = 5;
        return this;
    }

    Lz4Frame stored() {
        stored = true;
        return this;
    }

    byte[] write(byte[] content) {
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        put(frame, MAGIC);
        ByteArrayOutputStream descriptor = new ByteArrayOutputStream();
        descriptor.write(flags);
        descriptor.write(sizeCode << 4);
        if ((flags & CONTENT_SIZE) != 0) {
            put(descriptor, content.length);
            put(descriptor, 0);
        }
        frame.writeBytes(descriptor.toByteArray());
        frame.write(hash(descriptor.toByteArray()) >> 8);
        int blockSize = 1 << (8 + 2 * sizeCode);
        for (int at = 0; at < content.length; at += blockSize) {
            block(frame, content, at, Math.min(at + blockSize, content.length));
        }
        put(frame, 0);
        if ((flags & CONTENT_CHECKSUM) != 0) {
            put(frame, hash(content));
        }
        return frame.toByteArray();
    }

    private void block(ByteArrayOutputStream frame, byte[] content, int from, int to) {
        byte[] plain = Arrays.copyOfRange(content, from, to);
        byte[] block = stored ? plain
            : (flags & INDEPENDENT) != 0 ? LZ4Factory.safeInstance().fastCompressor().compress(plain)
            : Lz4LinkedBlock.compress(content, from, to);
        boolean grew = block.length >= plain.length;
        put(frame, grew ? plain.length | STORED : block.length);
        frame.writeBytes(grew ? plain : block);
        if ((flags & BLOCK_CHECKSUMS) != 0) {
            put(frame, hash(grew ? plain : block));
        }
    }

    private static int hash(byte[] bytes) {
        return XXHashFactory.safeInstance().hash32().hash(bytes, 0, bytes.length, 0);
    }

    private static void put(ByteArrayOutputStream out, int value) {
        out.writeBytes(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }
}
