package milena.records;

import java.io.ByteArrayOutputStream;
import java.util.HashMap;
import java.util.Map;

/** Compresses a block of LZ4 whose matches may begin in what came before the block. */
final class Lz4LinkedBlock {
    private static final int SHORTEST_MATCH = 4;
    private static final int FARTHEST_MATCH = 0xffff;
    /** The format wants the last five bytes plain, and no match that begins in the last twelve. */
    private static final int LAST_LITERALS = 5;
    private static final int LAST_MATCH = 12;
    private static final int NIBBLE = 15;

    private final byte[] content;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private Lz4LinkedBlock(byte[] content) {
        this.content = content;
    }

    static byte[] compress(byte[] content, int from, int to) {
        Lz4LinkedBlock block = new Lz4LinkedBlock(content);
        Map<Integer, Integer> seen = new HashMap<>();
        for (int at = Math.max(0, from - FARTHEST_MATCH); at < from; at++) {
            seen.put(block.four(at), at);
        }
        int literals = from;
        int at = from;
        while (at < to - LAST_MATCH) {
            Integer before = seen.put(block.four(at), at);
            if (before == null || at - before > FARTHEST_MATCH) {
                at++;
                continue;
            }
            int length = SHORTEST_MATCH;
            while (at + length < to - LAST_LITERALS && content[before + length] == content[at + length]) {
                length++;
            }
            block.sequence(literals, at, at - before, length);
            at += length;
            literals = at;
        }
        block.sequence(literals, to, 0, 0);
        return block.out.toByteArray();
    }

    private int four(int at) {
        int four = 0;
        for (int i = 0; i < SHORTEST_MATCH; i++) {
            four = four << 8 | (at + i < content.length ? content[at + i] & 0xff : 0);
        }
        return four;
    }

    /** Plain bytes, then a match; the last sequence has none. */
    private void sequence(int from, int to, int distance, int length) {
        int extra = distance == 0 ? 0 : length - SHORTEST_MATCH;
        out.write(Math.min(to - from, NIBBLE) << 4 | Math.min(extra, NIBBLE));
        rest(to - from);
        out.write(content, from, to - from);
        if (distance != 0) {
            out.write(distance);
            out.write(distance >> 8);
            rest(extra);
        }
    }

    private void rest(int length) {
        for (int left = length - NIBBLE; left >= 0; left -= 255) {
            out.write(Math.min(left, 255));
        }
    }
}
