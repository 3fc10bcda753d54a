package milena.golden;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

/** Kafka's table of error codes, as JSON. */
final class ErrorTable {
    private ErrorTable() {
    }

    /** Writes the table of the Kafka version that runs first, the newest. */
    static void writeIfMissing(Path path) throws IOException {
        if (Files.exists(path)) {
            return;
        }
        ArrayNode errors = new ObjectMapper().createArrayNode();
        for (Errors error : Errors.values()) {
            ObjectNode row = errors.addObject();
            row.put("code", error.code());
            row.put("name", error.name());
            row.put("retriable", error.exception() instanceof RetriableException);
            row.put("invalidMetadata", error.exception() instanceof InvalidMetadataException);
            row.put("message", error == Errors.NONE ? null : error.message());
        }
        Files.writeString(path, errors.toString().replace("},{", "},\n{").replace("[{", "[\n{").replace("}]", "}\n]") + "\n");
        System.out.println(path.getFileName() + ": " + errors.size() + " errors");
    }
}
