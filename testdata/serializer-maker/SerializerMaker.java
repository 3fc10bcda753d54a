import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;

import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/**
 * Has Kafka's own serializers write values, and its deserializers read bytes that they should and should not take. One
 * file for each type, one JSON object a line:
 *
 *   {"written":VALUE,"bytes":BASE64}   what the serializer makes of a value
 *   {"bytes":BASE64,"read":VALUE}      what the deserializer makes of bytes
 *   {"bytes":BASE64,"error":TEXT}      bytes that it refuses
 *
 * Floats and doubles are their bits in hexadecimal, byte arrays are base64.
 */
public class SerializerMaker {
    static final Random RANDOM = new Random(4);

    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        Supplier<Short> shorts = () -> pick(0, 1, -1, 32767, -32768, RANDOM.nextInt()).shortValue();
        Supplier<Integer> ints = () -> pick(0, 1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE, RANDOM.nextInt());
        Supplier<Long> longs = () -> pick(0L, 1L, -1L, Long.MAX_VALUE, Long.MIN_VALUE, RANDOM.nextLong());
        Supplier<Float> floats = () -> pick(0f, -0f, 1.5f, Float.NaN, Float.POSITIVE_INFINITY, Float.MIN_VALUE,
            Float.intBitsToFloat(RANDOM.nextInt() & 0x7f7fffff));
        Supplier<Double> doubles = () -> pick(0d, -0d, 1.5d, Double.NaN, Double.NEGATIVE_INFINITY, Double.MIN_VALUE,
            Double.longBitsToDouble(RANDOM.nextLong() & 0x7fefffffffffffffL));
        Supplier<Boolean> booleans = RANDOM::nextBoolean;
        Supplier<UUID> uuids = () -> pick(new UUID(0, 0), new UUID(-1, -1), new UUID(RANDOM.nextLong(), RANDOM.nextLong()));
        Supplier<byte[]> bytes = () -> randomBytes(RANDOM.nextInt(9));
        Supplier<String> strings = () -> pick("", "a", "gr\u00f6\u00dfe", "\u20ac", "\ud83d\ude00", "\u0000", "\"\\\n",
            RANDOM.nextInt() + " apples");

        Function<Object, String> number = String::valueOf;
        Function<Object, String> text = value -> quoted((String) value);

        new Type<>("Short", Serdes.Short(), number).write(shorts).mutate().save(folder);
        new Type<>("Integer", Serdes.Integer(), number).write(ints).mutate().save(folder);
        new Type<>("Long", Serdes.Long(), number).write(longs).mutate().save(folder);
        new Type<>("Float", Serdes.Float(), SerializerMaker::bits).write(floats).mutate().save(folder);
        new Type<>("Double", Serdes.Double(), SerializerMaker::bits).write(doubles).mutate().save(folder);
        new Type<>("Boolean", Serdes.Boolean(), number).write(booleans)
            .read(new byte[] {2}).read(new byte[] {-1}).mutate().save(folder);
        new Type<>("UUID", Serdes.UUID(), SerializerMaker::uuid).write(uuids)
            .read("123E4567-E89B-12D3-a456-426614174000").read("1-1-1-1-1").read("123e4567e89b12d3a456426614174000")
            .read("123e4567-e89b-12d3-a456_426614174000").read("123e4567-e89b-12d3-a456-42661417400g")
            .read("123e4567-e89b-12d3-a4564-26614174000").read("123e4567-e89b-12d3-a456-4266141740\u00e9")
            .mutate().save(folder);
        new Type<>("Void", Serdes.Void(), number).write(() -> null).read(new byte[0]).read(new byte[1]).save(folder);
        new Type<>("ByteArray", Serdes.ByteArray(), SerializerMaker::base64).write(bytes).save(folder);

        Type<String> string = new Type<>("String", Serdes.String(), text).write(strings);
        for (int i = 0; i < 400; i++)
            string.read(brokenText());
        string.save(folder);

        list("Short", Serdes.Short(), number, shorts, folder);
        list("Integer", Serdes.Integer(), number, ints, folder);
        list("Long", Serdes.Long(), number, longs, folder);
        list("Float", Serdes.Float(), SerializerMaker::bits, floats, folder);
        list("Double", Serdes.Double(), SerializerMaker::bits, doubles, folder);
        list("Boolean", Serdes.Boolean(), number, booleans, folder);
        list("UUID", Serdes.UUID(), SerializerMaker::uuid, uuids, folder);
        list("String", Serdes.String(), text, strings, folder);
        list("ByteArray", Serdes.ByteArray(), SerializerMaker::base64, bytes, folder);
        list("List-Integer", listSerde(Serdes.Integer()), listText(number), lists(ints), folder);
        list("List-String", listSerde(Serdes.String()), listText(text), lists(strings), folder);
    }

    static <T> void list(String entries, Serde<T> serde, Function<Object, String> text, Supplier<T> values, Path folder)
            throws IOException {
        new Type<>("List-" + entries, listSerde(serde), listText(text)).write(lists(values)).mutate().save(folder);
    }

    @SuppressWarnings("unchecked")
    static <T> Serde<List<T>> listSerde(Serde<T> entries) {
        return Serdes.ListSerde((Class<List<T>>) (Class<?>) ArrayList.class, entries);
    }

    static Function<Object, String> listText(Function<Object, String> entry) {
        return list -> "[" + ((List<?>) list).stream().map(e -> e == null ? "null" : entry.apply(e))
            .collect(Collectors.joining(",")) + "]";
    }

    static <T> Supplier<List<T>> lists(Supplier<T> entries) {
        return () -> {
            List<T> list = new ArrayList<>();
            double nulls = pick(0.0, 0.3, 1.0);
            for (int i = RANDOM.nextInt(6); i > 0; i--)
                list.add(RANDOM.nextDouble() < nulls ? null : entries.get());
            return list;
        };
    }

    /** The lines of one file. */
    static class Type<T> {
        final String name;
        final Serde<T> serde;
        final Function<Object, String> text;
        final List<byte[]> written = new ArrayList<>();
        final List<String> lines = new ArrayList<>();

        Type(String name, Serde<T> serde, Function<Object, String> text) {
            this.name = name;
            this.serde = serde;
            this.text = text;
        }

        String text(T value) {
            return value == null ? "null" : text.apply(value);
        }

        Type<T> write(Supplier<T> values) {
            write((T) null);
            for (int i = 0; i < 40; i++)
                write(values.get());
            return this;
        }

        void write(T value) {
            byte[] bytes = serde.serializer().serialize("topic", value);
            String line = "{\"written\":" + text(value) + ",\"bytes\":" + (bytes == null ? "null" : base64(bytes)) + "}";
            if (lines.contains(line))
                return;
            lines.add(line);
            if (bytes != null)
                written.add(bytes);
        }

        Type<T> read(String text) {
            return read(text.getBytes(StandardCharsets.UTF_8));
        }

        Type<T> read(byte[] bytes) {
            Deserializer<T> deserializer = serde.deserializer();
            String answer;
            try {
                answer = "\"read\":" + text(deserializer.deserialize("topic", bytes));
            } catch (RuntimeException e) {
                answer = "\"error\":" + quoted(e.getMessage());
            }
            String line = "{\"bytes\":" + base64(bytes) + "," + answer + "}";
            if (!lines.contains(line))
                lines.add(line);
            return this;
        }

        /** What was written, cut, lengthened, and with bytes of other values. */
        Type<T> mutate() {
            read(new byte[0]);
            for (int i = 0; i < 200; i++) {
                byte[] bytes = written.get(RANDOM.nextInt(written.size())).clone();
                switch (RANDOM.nextInt(3)) {
                    case 0:
                        bytes = Arrays.copyOf(bytes, RANDOM.nextInt(bytes.length + 1));
                        break;
                    case 1:
                        bytes = Arrays.copyOf(bytes, bytes.length + 1 + RANDOM.nextInt(5));
                        break;
                    default:
                        for (int n = RANDOM.nextInt(2); n >= 0 && bytes.length > 0; n--)
                            bytes[RANDOM.nextInt(bytes.length)] = pick(-2, -1, 0, 1, 2, 3, 4, 5, RANDOM.nextInt()).byteValue();
                }
                read(bytes);
            }
            return this;
        }

        void save(Path folder) throws IOException {
            Files.write(folder.resolve(name + ".jsonl"), lines);
        }
    }

    /** Bytes that are hardly UTF-8: pieces of characters, too long ones, too large ones, surrogates. */
    static byte[] brokenText() {
        int[] leads = {0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
        int[] others = {0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0x41, 0xc2};
        byte[] bytes = new byte[1 + RANDOM.nextInt(8)];
        for (int i = 0; i < bytes.length; i++) {
            int[] from = RANDOM.nextInt(3) == 0 ? leads : others;
            bytes[i] = (byte) from[RANDOM.nextInt(from.length)];
        }
        if (RANDOM.nextBoolean())
            bytes[0] = (byte) leads[RANDOM.nextInt(leads.length)];
        return bytes;
    }

    @SafeVarargs
    static <T> T pick(T... all) {
        return all[RANDOM.nextInt(all.length)];
    }

    static byte[] randomBytes(int length) {
        byte[] bytes = new byte[length];
        RANDOM.nextBytes(bytes);
        return bytes;
    }

    static String bits(Object value) {
        return value instanceof Float
            ? quoted(String.format("%08x", Float.floatToRawIntBits((Float) value)))
            : quoted(String.format("%016x", Double.doubleToRawLongBits((Double) value)));
    }

    static String uuid(Object value) {
        return quoted(value.toString());
    }

    static String base64(Object bytes) {
        return quoted(Base64.getEncoder().encodeToString((byte[]) bytes));
    }

    static String quoted(String plain) {
        StringBuilder text = new StringBuilder("\"");
        for (char c : plain.toCharArray()) {
            if (c == '"' || c == '\\' || c < ' ' || c > '~')
                text.append(String.format("\\u%04x", (int) c));
            else
                text.append(c);
        }
        return text.append('"').toString();
    }
}
