import java.util.Map;

import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes records in a transaction to one partition, and ends it as told: "commit", "abort", or "open", which leaves it as it is.
 * Arguments: the brokers, the transactional id, the topic, the partition, the number of records, the end.
 */
public final class Transactor {
    public static void main(String[] args) throws Exception {
        Map<String, Object> settings = Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0],
            ProducerConfig.TRANSACTIONAL_ID_CONFIG, args[1],
            ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, 600_000);
        var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
        producer.initTransactions();
        producer.beginTransaction();
        for (int i = 0; i < Integer.parseInt(args[4]); i++) {
            byte[] value = (args[5] + "-" + i).getBytes("UTF-8");
            producer.send(new ProducerRecord<>(args[2], Integer.parseInt(args[3]), null, value)).get();
        }
        switch (args[5]) {
            case "commit" -> producer.commitTransaction();
            case "abort" -> producer.abortTransaction();
            case "open" -> Runtime.getRuntime().halt(0);
            default -> throw new IllegalArgumentException(args[5]);
        }
        producer.close();
    }
}
