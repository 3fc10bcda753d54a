import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.DoubleSerializer;
import org.apache.kafka.common.serialization.ListSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.serialization.UUIDSerializer;

/**
 * Writes ten records with Kafka's own serializers to partition 0 of a topic: keys are the longs from 0 on, values the doubles
 * half as large, except that the value of the fifth is three bytes long and that of the sixth is null. Then one record
 * with a list of strings as its key and a UUID as its value.
 * Arguments: the brokers, the topic.
 */
public final class TypedFiller {
    public static void main(String[] args) throws Exception {
        Map<String, Object> settings = new HashMap<>();
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
            LongSerializer longs = new LongSerializer();
            DoubleSerializer doubles = new DoubleSerializer();
            UUIDSerializer uuids = new UUIDSerializer();
            ListSerializer<String> lists = new ListSerializer<>(new StringSerializer())) {
            for (long n = 0; n < 10; n++) {
                byte[] value = n == 4 ? new byte[] {1, 2, 3} : n == 5 ? null : doubles.serialize(args[1], n / 2.0);
                producer.send(new ProducerRecord<>(args[1], 0, longs.serialize(args[1], n), value)).get();
            }
            byte[] key = lists.serialize(args[1], List.of("one", "", "three"));
            byte[] value = uuids.serialize(args[1], new java.util.UUID(0x0123456789abcdefL, 0x8123456789abcdefL));
            producer.send(new ProducerRecord<>(args[1], 0, key, value)).get();
        }
    }
}
