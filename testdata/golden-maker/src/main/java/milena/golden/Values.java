package milena.golden;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.TextNode;

import org.apache.kafka.common.Uuid;

/** Values that differ from field to field, extreme and awkward ones among them; the same for the same name. */
final class Values {
    private static final int TRIES = 100;
    private static final int LONG_TEXT = 130;

    private final SplittableRandom random;
    private final List<byte[]> records;
    private final Set<Object> used = new HashSet<>();
    private final Map<String, Integer> drawn = new HashMap<>();

    Values(String name, List<byte[]> records) {
        this.random = new SplittableRandom(name.hashCode());
        this.records = records;
    }

    boolean coin() {
        return random.nextBoolean();
    }

    int between(int least, int most) {
        return random.nextInt(least, most + 1);
    }

    /** The next value of a type, by the name that Kafka's schemas give it. */
    JsonNode next(String type) {
        return switch (type) {
            case "BOOLEAN" -> BooleanNode.valueOf(turn(type) % 2 == 0);
            case "INT8" -> IntNode.valueOf((int) integer(Byte.MIN_VALUE, Byte.MAX_VALUE));
            case "INT16" -> IntNode.valueOf((int) integer(Short.MIN_VALUE, Short.MAX_VALUE));
            case "UINT16" -> IntNode.valueOf((int) integer(0, 0xffff));
            case "INT32" -> IntNode.valueOf((int) integer(Integer.MIN_VALUE, Integer.MAX_VALUE));
            case "INT64" -> LongNode.valueOf(integer(Long.MIN_VALUE, Long.MAX_VALUE));
            case "UUID" -> TextNode.valueOf(new Uuid(random.nextLong(), random.nextLong()).toString());
            case "STRING" -> TextNode.valueOf(text());
            case "BYTES" -> BinaryNode.valueOf(bytes());
            case "RECORDS" -> BinaryNode.valueOf(records.get(turn(type) % records.size()));
            default -> throw new IllegalArgumentException("no values for the type " + type);
        };
    }

    /** The value with nothing in it. */
    static JsonNode empty(String type) {
        return switch (type) {
            case "BOOLEAN" -> BooleanNode.FALSE;
            case "INT8", "INT16", "UINT16", "INT32", "INT64" -> IntNode.valueOf(0);
            case "UUID" -> TextNode.valueOf(Uuid.ZERO_UUID.toString());
            case "STRING" -> TextNode.valueOf("");
            case "BYTES", "RECORDS" -> BinaryNode.valueOf(new byte[0]);
            default -> throw new IllegalArgumentException("no values for the type " + type);
        };
    }

    private long integer(long least, long most) {
        String type = least + ".." + most;
        for (int i = 0; i < TRIES; i++) {
            long value = switch (turn(type) % 6) {
                case 0 -> least;
                case 2 -> most;
                case 4 -> Math.max(least, -1);
                default -> most == Long.MAX_VALUE ? random.nextLong() : random.nextLong(least, most + 1);
            };
            if (used.add(type + value)) {
                return value;
            }
        }
        return random.nextInt(0, Byte.MAX_VALUE);
    }

    private String text() {
        int turn = turn("STRING");
        String text = switch (turn % 4) {
            case 0 -> "name-";
            case 1 -> "größe-δοκιμή-試験-😀-";
            case 2 -> "long-" + "abcdefghij".repeat(LONG_TEXT / 10) + "-";
            default -> "a b\"c\\d\n\u0000e-";
        };
        return text + turn;
    }

    private byte[] bytes() {
        int turn = turn("BYTES");
        byte[] bytes = new byte[turn % 3 == 0 ? LONG_TEXT + turn : 1 + turn];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (turn * 7 + i * 5);
        }
        return bytes;
    }

    /** Counts the draws of a type, from a start that differs, so that each field meets each kind of value somewhere. */
    private int turn(String type) {
        return drawn.merge(type, type.equals("BOOLEAN") ? 0 : random.nextInt(12), (last, start) -> last + 1);
    }
}
