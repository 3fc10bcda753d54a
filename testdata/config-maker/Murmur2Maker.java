import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

/** Writes what Kafka's own classes make of keys: base64 of the key, the hash, and the partition among 1, 7, 50 and 1000. */
public class Murmur2Maker {
    public static void main(String[] args) throws Exception {
        List<byte[]> keys = new ArrayList<>();
        for (String text : new String[] {"", "a", "ab", "abc", "abcd", "abcde", "21", "foobar", "a-little-bit-long-string",
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", "Käse", "\u65e5\u672c\u8a9e"}) {
            keys.add(text.getBytes(StandardCharsets.UTF_8));
        }
        Random random = new Random(4);
        for (int length = 0; length < 188; length++) {
            byte[] key = new byte[length];
            random.nextBytes(key);
            keys.add(key);
        }
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(args[0])))) {
            for (byte[] key : keys) {
                out.printf("{\"key\":\"%s\",\"hash\":%d,\"of1\":%d,\"of7\":%d,\"of50\":%d,\"of1000\":%d}%n",
                    Base64.getEncoder().encodeToString(key), Utils.murmur2(key), BuiltInPartitioner.partitionForKey(key, 1),
                    BuiltInPartitioner.partitionForKey(key, 7), BuiltInPartitioner.partitionForKey(key, 50),
                    BuiltInPartitioner.partitionForKey(key, 1000));
            }
        }
    }
}
