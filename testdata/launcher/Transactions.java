import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes transactions to partition 0 of a topic, one after the other.
 * Arguments: the brokers, the topic, and for each transaction its end and its number of records, as in commit:10. An end is
 * commit, abort, or open for one that is still open when this program ends.
 */
public final class Transactions {
    public static void main(String[] args) {
        for (int i = 2; i < args.length; i++) {
            String[] transaction = args[i].split(":");
            // Not closed: that would abort what is to stay open.
            KafkaProducer<String, String> producer = producer(args[0], "transactions-" + args[1] + "-" + i);
            producer.initTransactions();
            producer.beginTransaction();
            for (int n = 0; n < Integer.parseInt(transaction[1]); n++) {
                producer.send(new ProducerRecord<>(args[1], 0, transaction[0], transaction[0] + "-" + n));
            }
            producer.flush();
            switch (transaction[0]) {
                case "commit" -> producer.commitTransaction();
                case "abort" -> producer.abortTransaction();
                case "open" -> { }
                default -> throw new IllegalArgumentException(args[i]);
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static KafkaProducer<String, String> producer(String brokers, String id) {
        Map<String, Object> settings = new HashMap<>();
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        settings.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, id);
        settings.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, 600_000);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }
}
