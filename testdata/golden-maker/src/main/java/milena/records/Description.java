package milena.records;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.Utils;

/** What Kafka reads in a blob: a line for each batch, followed by a line for each of its records. */
final class Description {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private Description() {
    }

    static List<String> of(byte[] blob) {
        return of(blob, blob);
    }

    /**
     * For blobs that Kafka's decompressor refuses although they are valid: the batches as they are,
     * and the records of a twin with the same content, which Kafka reads.
     */
    static List<String> of(byte[] blob, byte[] twin) {
        List<String> lines = new ArrayList<>();
        var twins = MemoryRecords.readableRecords(ByteBuffer.wrap(twin)).batches().iterator();
        for (RecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(blob)).batches()) {
            batch.ensureValid();
            List<String> records = new ArrayList<>();
            for (Record record : twins.next()) {
                record.ensureValid();
                records.add(record(record));
            }
            lines.add(batch(batch, records.size()));
            lines.addAll(records);
        }
        return lines;
    }

    /** Why Kafka does not read a blob; null if it does. */
    static String refusal(byte[] blob) {
        try {
            of(blob);
            return null;
        } catch (RuntimeException | OutOfMemoryError e) {
            return e.toString();
        }
    }

    private static String batch(RecordBatch batch, int count) {
        ObjectNode line = MAPPER.createObjectNode();
        ObjectNode json = line.putObject("batch");
        json.put("baseOffset", batch.baseOffset());
        json.put("lastOffset", batch.lastOffset());
        json.put("magic", batch.magic());
        json.put("compression", batch.compressionType().name);
        json.put("timestampType", batch.timestampType().name);
        json.put("producerId", batch.producerId());
        json.put("producerEpoch", batch.producerEpoch());
        json.put("baseSequence", batch.baseSequence());
        json.put("partitionLeaderEpoch", batch.partitionLeaderEpoch());
        json.put("isTransactional", batch.isTransactional());
        json.put("isControl", batch.isControlBatch());
        json.put("deleteHorizonMs", batch.deleteHorizonMs().isPresent() ? batch.deleteHorizonMs().getAsLong() : null);
        json.put("crc", batch.checksum());
        json.put("count", count);
        return line.toString();
    }

    private static String record(Record record) {
        ObjectNode line = MAPPER.createObjectNode();
        line.put("offset", record.offset());
        line.put("timestamp", record.timestamp());
        line.put("key", Utils.toNullableArray(record.key()));
        line.put("value", Utils.toNullableArray(record.value()));
        ArrayNode headers = line.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(header.value());
        }
        return line.toString();
    }
}
