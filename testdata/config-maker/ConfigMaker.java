import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigException;

/**
 * Writes down every property of Kafka's consumer, and of its producer, one JSON object a line, sorted by name.
 *
 * "default" is left out where the property must be given, and null where Kafka has none. "valid" is what Kafka says of the values
 * that it takes, where it says something. "accepts" and "refuses" are texts that Kafka was given as the value.
 */
public class ConfigMaker {
    static final List<String> WHOLE_NUMBERS = List.of(
        "-9223372036854775809", "-2147483649", "-2", "-1", "0", "1", " 7 ", "+5", "007", "2147483647", "2147483648",
        "9223372036854775807", "9223372036854775808", "", "x", "1.5", "0x10", "1e3", "1_000");
    static final List<String> TRUTH_VALUES = List.of("true", "False", " TRUE ", "", "yes", "1");
    static final List<String> LISTS = List.of("a", " a , b ", "", "a,a", "a,,b", ",");

    /** What to try beside that: what only this property knows. */
    static final Map<String, List<String>> OWN = Map.of(
        "auto.offset.reset", List.of("latest", "Latest", "earliest", "none", "by_duration", "by_duration:", "by_duration:P7D",
            "by_duration:PT1H30M", "by_duration:-PT1S", "BY_DURATION:P7D", "by_duration:7d", "", "smallest"),
        "isolation.level", List.of("read_committed", "read_uncommitted", "READ_COMMITTED", "", "read"),
        "group.protocol", List.of("classic", "consumer", "CONSUMER", "Classic", "", "streams"),
        "client.dns.lookup", List.of("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only", "USE_ALL_DNS_IPS", "default", ""),
        "metadata.recovery.strategy", List.of("none", "rebootstrap", "Rebootstrap", "NONE", "", "x"),
        "security.protocol", List.of("PLAINTEXT", "plaintext", "SSL", "SASL_PLAINTEXT", "sasl_ssl", "", "TLS"),
        "bootstrap.servers", List.of("a:1", " a:1 , b:2 ", "[::1]:9092", "", "a:1,a:1", "a:1,,b:2", "a:1,"),
        "partition.assignment.strategy", List.of(
            "org.apache.kafka.clients.consumer.RangeAssignor",
            "org.apache.kafka.clients.consumer.RoundRobinAssignor, org.apache.kafka.clients.consumer.StickyAssignor",
            "org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.RangeAssignor",
            "org.apache.kafka.clients.consumer.RangeAssignor,,org.apache.kafka.clients.consumer.StickyAssignor"),
        "group.instance.id", List.of("a", ""),
        "metrics.recording.level", List.of("INFO", "info", ""));

    /** The same, of what only the producer has. */
    static final Map<String, List<String>> PRODUCERS = Map.of(
        "acks", List.of("all", "-1", "0", "1", "2", "ALL", "", "-2"),
        "compression.type", List.of("none", "gzip", "snappy", "lz4", "zstd", "NONE", "Zstd", "", "brotli"),
        "transactional.id", List.of(""));

    public static void main(String[] args) throws IOException {
        write(ConsumerConfig.configDef(), args[0]);
        write(ProducerConfig.configDef(), args[1]);
    }

    static void write(ConfigDef definition, String file) throws IOException {
        List<String> lines = new ArrayList<>();
        for (ConfigKey key : new TreeMap<>(definition.configKeys()).values()) {
            lines.add(line(key));
        }
        Files.write(Path.of(file), lines);
    }

    static String line(ConfigKey key) {
        List<String> members = new ArrayList<>();
        members.add(member("name", quoted(key.name)));
        members.add(member("type", quoted(key.type.toString().toLowerCase(Locale.ROOT))));
        if (key.defaultValue != ConfigDef.NO_DEFAULT_VALUE) {
            members.add(member("default", quoted(ConfigDef.convertToString(key.defaultValue, key.type))));
        }
        if (key.validator != null) {
            members.add(member("valid", quoted(key.validator.toString())));
        }
        members.add(member("importance", quoted(key.importance.toString().toLowerCase(Locale.ROOT))));
        if (key.internalConfig) {
            members.add(member("internal", "true"));
        }
        List<String> attempts = attempts(key);
        members.add(member("accepts", list(attempts.stream().filter(text -> isAccepted(key, text)).toList())));
        members.add(member("refuses", list(attempts.stream().filter(text -> !isAccepted(key, text)).toList())));
        return "{" + String.join(",", members) + "}";
    }

    static List<String> attempts(ConfigKey key) {
        if (OWN.containsKey(key.name)) {
            return OWN.get(key.name);
        }
        if (PRODUCERS.containsKey(key.name)) {
            return PRODUCERS.get(key.name);
        }
        switch (key.type) {
            case INT: case LONG: case SHORT: case DOUBLE: return WHOLE_NUMBERS;
            case BOOLEAN: return TRUTH_VALUES;
            case LIST: return LISTS;
            case STRING: return key.validator == null ? List.of("any text", "") : List.of("no such value");
            // A class is looked for, a password is anything.
            default: return List.of();
        }
    }

    static boolean isAccepted(ConfigKey key, String text) {
        try {
            Object value = ConfigDef.parseType(key.name, text, key.type);
            if (key.validator != null) {
                key.validator.ensureValid(key.name, value);
            }
            return true;
        } catch (ConfigException e) {
            return false;
        }
    }

    static String member(String name, String value) {
        return quoted(name) + ":" + value;
    }

    static String list(List<String> texts) {
        return texts.stream().map(ConfigMaker::quoted).collect(Collectors.joining(",", "[", "]"));
    }

    static String quoted(String text) {
        return text == null ? "null" : "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }
}
