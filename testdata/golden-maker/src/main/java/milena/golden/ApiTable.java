package milena.golden;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * Kafka's table of its APIs, as JSON: under the name of each Kafka version a list of the APIs that it knows, with
 * the places in their responses where addresses are.
 */
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
        for (short version = api.latestVersion(); version >= api.oldestVersion(); version--) {
            if (api.requestHeaderVersion(version) >= FLEXIBLE_REQUEST_HEADER) {
                row.put("firstFlexible", version);
            }
        }
        Set<String> addresses = new TreeSet<>();
        for (short version = api.oldestVersion(); version <= api.latestVersion(); version++) {
            addAddresses(addresses, "", api.messageType.responseSchemas()[version]);
        }
        if (!addresses.isEmpty()) {
            ArrayNode ways = row.putArray("addresses");
            addresses.forEach(ways::add);
        }
    }

    /** The structs of a response that have a host and a port. */
    private static void addAddresses(Set<String> found, String way, Schema schema) {
        Set<String> names = new TreeSet<>();
        List<Field> fields = new ArrayList<>();
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields) {
                fields.addAll(Filler.known((TaggedFields) field.def.type));
            } else {
                fields.add(field.def);
            }
        }
        for (Field field : fields) {
            names.add(field.name);
            Type type = field.type.isArray() ? field.type.arrayElementType().get() : field.type;
            if (type instanceof Schema) {
                String name = Filler.camelCase(field.name);
                addAddresses(found, way.isEmpty() ? name : way + "." + name, (Schema) type);
            }
        }
        if (names.contains("host") && names.contains("port")) {
            found.add(way);
        }
    }

    /** One API a line, so that a difference shows as one. */
    private static String lines(ObjectNode versions) {
        return versions.toString().replace("[{", "[\n{").replace("},{", "},\n{").replace("}]", "}\n]") + "\n";
    }
}
