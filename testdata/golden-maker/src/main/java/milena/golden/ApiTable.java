package milena.golden;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.protocol.ApiKeys;

/** Kafka's table of its APIs, as JSON: under the name of each Kafka version a list of the APIs that it knows. */
final class ApiTable {
    private static final int FLEXIBLE_REQUEST_HEADER = 2;

    private ApiTable() {
    }

    /** Adds this Kafka version to the file. */
    static void write(Path path, String kafka) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode versions = Files.exists(path)
            ? (ObjectNode) mapper.readTree(path.toFile())
            : mapper.createObjectNode();
        ArrayNode apis = versions.putArray(kafka);
        for (ApiKeys api : ApiKeys.values()) {
            if (api.oldestVersion() <= api.latestVersion()) {
                addTo(apis, api);
            }
        }
        Files.writeString(path, lines(versions));
        System.out.println(path.getFileName() + ": " + apis.size() + " APIs of Kafka " + kafka);
    }

    private static void addTo(ArrayNode apis, ApiKeys api) {
        ObjectNode row = apis.addObject();
        row.put("key", api.id);
        row.put("name", api.name);
        row.put("oldest", api.oldestVersion());
        row.put("latest", api.latestVersion());
        row.put("latestStable", api.latestVersion(false));
        row.putNull("firstFlexible");
        for (short version = api.oldestVersion(); version <= api.latestVersion(); version++) {
            if (api.requestHeaderVersion(version) >= FLEXIBLE_REQUEST_HEADER) {
                row.put("firstFlexible", version);
                return;
            }
        }
    }

    /** One API a line, so that a difference shows as one. */
    private static String lines(ObjectNode versions) {
        return versions.toString().replace("[{", "[\n{").replace("},{", "},\n{").replace("}]", "}\n]") + "\n";
    }
}
