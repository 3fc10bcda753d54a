package milena.golden;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Writes the golden messages: for each message, version and case the bytes that Kafka writes and Kafka's JSON of them.
 *
 * <p>Runs once with each Kafka version, the newest first: a message version that is in the folder already stays.
 * Arguments: the folder to write to, and the folder with the record blobs that fill the fields of type `records`.
 */
public final class WriteMessages {
    private static final List<String> APIS = List.of(
        "Produce", "Fetch", "ListOffsets", "Metadata", "OffsetCommit", "OffsetFetch", "FindCoordinator", "JoinGroup",
        "Heartbeat", "LeaveGroup", "SyncGroup", "DescribeGroups", "ListGroups", "ApiVersions", "CreateTopics",
        "DeleteTopics", "DeleteRecords", "InitProducerId", "OffsetForLeaderEpoch", "AddPartitionsToTxn",
        "AddOffsetsToTxn", "EndTxn", "TxnOffsetCommit", "DescribeConfigs", "AlterConfigs", "CreatePartitions",
        "DeleteGroups", "IncrementalAlterConfigs", "OffsetDelete", "DescribeCluster", "ConsumerGroupHeartbeat",
        "ConsumerGroupDescribe", "DescribeTopicPartitions");
    private static final List<String> HEADERS = List.of("RequestHeader", "ResponseHeader");
    private static final List<String> BLOBS = List.of("ConsumerProtocolSubscription", "ConsumerProtocolAssignment");

    private WriteMessages() {
    }

    public static void main(String[] args) throws Exception {
        Path out = Path.of(args[0]);
        Blobs blobs = new Blobs(Path.of(args[1]));
        Files.createDirectories(out);
        for (Message message : all()) {
            write(out, message, blobs);
        }
        String kafka = AppInfoParser.getVersion();
        ApiTable.write(out.resolve("apis.json"), kafka);
        ErrorTable.writeIfMissing(out.resolve("errors.json"));
    }

    static List<Message> all() throws ReflectiveOperationException {
        List<Message> all = new ArrayList<>();
        for (String api : APIS) {
            all.add(Message.body(api + "Request"));
            all.add(Message.body(api + "Response"));
        }
        for (String header : HEADERS) {
            all.add(Message.body(header));
        }
        for (String blob : BLOBS) {
            all.add(Message.blob(blob));
        }
        return all;
    }

    private static void write(Path out, Message message, Blobs blobs) throws Exception {
        GoldenFile file = GoldenFile.open(out.resolve(message.name() + ".jsonl"));
        for (short version = message.oldest(); version <= message.latest(); version++) {
            if (file.has(version)) {
                continue;
            }
            for (Case kind : Case.of(message, version)) {
                file.add(kind.golden(message, version, blobs));
            }
        }
        System.out.println(file.save());
    }
}
