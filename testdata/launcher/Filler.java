import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Exit;

/**
 * Writes numbered records to a topic, to all its partitions in turn, the compression changing every hundred records.
 * Arguments: the brokers, the topic, the number of records, the least size of a value in bytes, the compressions.
 */
public final class Filler {
    private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
    private static final int AT_A_TIME = 100;

    public static void main(String[] args) {
        String brokers = args[0];
        String topic = args[1];
        long records = Long.parseLong(args[2]);
        int valueBytes = Integer.parseInt(args[3]);
        List<KafkaProducer<byte[], byte[]>> producers =
            List.of(args[4].split(",")).stream().map(compression -> producer(brokers, compression)).toList();
        int partitions = producers.get(0).partitionsFor(topic).size();
        long chunk = (long) AT_A_TIME * partitions;
        for (long i = 0; i < records; i++) {
            KafkaProducer<byte[], byte[]> producer = producers.get((int) (i / chunk % producers.size()));
            producer.send(record(topic, (int) (i % partitions), i, valueBytes), (sent, failure) -> {
                if (failure != null) {
                    failure.printStackTrace();
                    Exit.halt(1);
                }
            });
            // Two producers must not overtake each other: the offsets are part of what is promised.
            if ((i + 1) % chunk == 0) {
                producer.flush();
            }
        }
        producers.forEach(KafkaProducer::close);
    }

    private static KafkaProducer<byte[], byte[]> producer(String brokers, String compression) {
        Map<String, Object> settings = new HashMap<>();
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, compression);
        settings.put(ProducerConfig.LINGER_MS_CONFIG, 100);
        settings.put(ProducerConfig.BATCH_SIZE_CONFIG, 1 << 18);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, int partition, long i, int valueBytes) {
        StringBuilder value = new StringBuilder("value-").append(i);
        while (value.length() < valueBytes) {
            value.append(" filler ").append(i * 31 % 9973);
        }
        return new ProducerRecord<>(topic, partition, FIRST_TIMESTAMP + i, bytes("key-" + i), bytes(value.toString()),
            List.of(new RecordHeader("n", bytes(Long.toString(i)))));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
