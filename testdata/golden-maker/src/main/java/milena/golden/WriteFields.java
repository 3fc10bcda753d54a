package milena.golden;

import java.io.IOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;

/**
 * Writes what Kafka's classes make of each field alone, set to a value or to null, in every version of its message: the
 * bytes, or nothing where they refuse to write it.
 *
 * <p>All other fields are as their constructors leave them, those of the elements on the way to it too. Runs once with
 * each Kafka version, the newest first: what is in the folder already stays. Argument: the folder to write to.
 */
public final class WriteFields {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** One field and one value, and what becomes of it in each version; null where it is refused. */
    private record Line(String field, short from, JsonNode json, TreeMap<Short, byte[]> bytes) {
        static Line parse(String text) {
            try {
                JsonNode line = MAPPER.readTree(text);
                TreeMap<Short, byte[]> bytes = new TreeMap<>();
                for (Map.Entry<String, JsonNode> version : line.get("bytes").properties()) {
                    JsonNode value = version.getValue();
                    bytes.put(Short.valueOf(version.getKey()), value.isNull() ? null : value.binaryValue());
                }
                return new Line(line.get("field").textValue(), (short) line.get("version").intValue(), line.get("json"), bytes);
            } catch (IOException e) {
                throw new IllegalStateException("not a line of a file of fields: " + text, e);
            }
        }

        @Override
        public String toString() {
            ObjectNode line = MAPPER.createObjectNode();
            line.put("field", field);
            line.put("version", from);
            line.set("json", json);
            ObjectNode versions = line.putObject("bytes");
            bytes.forEach((version, value) -> versions.put(version.toString(), value));
            return line.toString();
        }
    }

    /** A field, by the way to it from the message, and the newest version that has it. */
    private record Place(List<String> way, short version, org.apache.kafka.common.protocol.types.Type type) {
        String name() {
            return String.join(".", way);
        }
    }

    private final Message message;
    private final List<Line> lines;
    private final List<Line> before;

    private WriteFields(Message message, List<Line> before) {
        this.message = message;
        this.before = before;
        this.lines = new ArrayList<>(before);
    }

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        Files.createDirectories(folder);
        for (Message message : WriteMessages.all()) {
            Path path = folder.resolve(message.name() + ".jsonl");
            List<String> before = Files.exists(path) ? Files.readAllLines(path) : List.of();
            WriteFields fields = new WriteFields(message, before.stream().map(Line::parse).toList());
            fields.draw();
            if (!fields.lines.isEmpty()) {
                Files.write(path, fields.lines.stream().map(Line::toString).toList());
            }
        }
    }

    private void draw() throws ReflectiveOperationException {
        Map<String, Place> places = new LinkedHashMap<>();
        for (short version = message.latest(); version >= message.oldest(); version--) {
            collect(message.schema(version), List.of(), version, places);
        }
        for (Place place : places.values()) {
            Values values = new Values(message.name() + " " + place.name(), List.of());
            for (JsonNode value : values(place.type(), values)) {
                write(place, value);
            }
        }
    }

    /** The fields of a struct and of those in it, unless a newer version has them. */
    private static void collect(Schema schema, List<String> way, short version, Map<String, Place> places) {
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields) {
                for (Field tagged : Filler.known((TaggedFields) field.def.type)) {
                    collect(tagged, way, version, places);
                }
            } else {
                collect(field.def, way, version, places);
            }
        }
    }

    private static void collect(Field field, List<String> outer, short version, Map<String, Place> places) {
        List<String> way = new ArrayList<>(outer);
        way.add(Filler.camelCase(field.name));
        Place place = new Place(way, version, field.type);
        places.putIfAbsent(place.name(), place);
        if (struct(field.type) != null) {
            collect(struct(field.type), way, version, places);
        }
    }

    /** The struct that a field is, or an array of; null where it is none. */
    private static Schema struct(org.apache.kafka.common.protocol.types.Type type) {
        org.apache.kafka.common.protocol.types.Type element = type.isArray() ? type.arrayElementType().get() : type;
        return element instanceof Schema ? (Schema) element : null;
    }

    /** What a field is set to: something, and null where it can be. A struct stays as it is made. */
    private static List<JsonNode> values(org.apache.kafka.common.protocol.types.Type type, Values values) {
        List<JsonNode> all = new ArrayList<>();
        if (struct(type) != null) {
            all.add(null);
        } else if (type.isArray()) {
            all.add(JsonNodeFactory.instance.arrayNode().add(something(type.arrayElementType().get(), values)));
        } else if (!type.toString().endsWith("RECORDS")) {
            all.add(something(type, values));
        }
        if (type.isNullable()) {
            all.add(JsonNodeFactory.instance.nullNode());
        }
        return all;
    }

    /** A value that is no field's default. */
    private static JsonNode something(org.apache.kafka.common.protocol.types.Type type, Values values) {
        String name = type.toString().replace("COMPACT_", "").replace("NULLABLE_", "");
        JsonNode value = values.next(name);
        while (value.isIntegralNumber() && Math.abs(value.asLong()) <= 1) {
            value = values.next(name);
        }
        return value;
    }

    private void write(Place place, JsonNode value) throws ReflectiveOperationException {
        List<String> way = place.way();
        String last = way.get(way.size() - 1);
        org.apache.kafka.common.protocol.Message made = message.untouched();
        List<Object> structs = new ArrayList<>();
        Object holder = made;
        for (String name : value == null ? way : way.subList(0, way.size() - 1)) {
            holder = put(holder, name);
            structs.add(holder);
        }

        // Kafka's JSON of it has all fields, ours only those on the way.
        ObjectNode json = message.json(made, place.version());
        ObjectNode ours = JsonNodeFactory.instance.objectNode();
        ObjectNode whole = json;
        ObjectNode part = ours;
        for (int i = 0; i < structs.size(); i++) {
            String name = way.get(i);
            if (!whole.has(name)) {
                // A tagged struct that is as by default is not written.
                whole.set(name, message.innerJson(structs.get(i), place.version()));
            }
            ObjectNode inner = JsonNodeFactory.instance.objectNode();
            boolean isArray = whole.get(name).isArray();
            part.set(name, isArray ? JsonNodeFactory.instance.arrayNode().add(inner) : inner);
            whole = (ObjectNode) (isArray ? whole.get(name).get(0) : whole.get(name));
            part = inner;
        }
        if (value != null) {
            boolean isTrue = whole.has(last) && whole.get(last).isBoolean() && whole.get(last).booleanValue();
            JsonNode other = value.isBoolean() ? JsonNodeFactory.instance.booleanNode(!isTrue) : value;
            whole.set(last, other);
            part.set(last, other);
        }

        Line line = new Line(place.name(), place.version(), ours, new TreeMap<>());
        for (short version = message.oldest(); version <= message.latest(); version++) {
            if (!has(line, version)) {
                line.bytes().put(version, bytes(json, place.version(), version));
            }
        }
        if (!line.bytes().isEmpty()) {
            lines.add(line);
        }
    }

    private boolean has(Line wanted, short version) {
        return before.stream().anyMatch(line -> line.field().equals(wanted.field()) && line.json().equals(wanted.json())
            && line.bytes().containsKey(version));
    }

    /** What is read in one version, written in another; null where Kafka refuses it. */
    private byte[] bytes(JsonNode json, short from, short to) throws ReflectiveOperationException {
        try {
            return message.lossyBytes(message.read(json, from), to);
        } catch (org.apache.kafka.common.errors.UnsupportedVersionException | NullPointerException refused) {
            return null;
        }
    }

    /** Puts a new struct into a field, or a new element into an array of structs, and gives it back. */
    private static Object put(Object holder, String name) throws ReflectiveOperationException {
        java.lang.reflect.Field field = holder.getClass().getDeclaredField(name);
        field.setAccessible(true);
        if (!Collection.class.isAssignableFrom(field.getType())) {
            Object struct = field.getType().getConstructor().newInstance();
            field.set(holder, struct);
            return struct;
        }
        // A list of structs, or a collection that is a class of its own.
        Type generic = field.getType() == List.class ? field.getGenericType() : field.getType().getGenericSuperclass();
        Class<?> element = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
        @SuppressWarnings("unchecked")
        Collection<Object> elements = (Collection<Object>)
            (field.getType() == List.class ? new ArrayList<>() : field.getType().getConstructor().newInstance());
        Object struct = element.getConstructor().newInstance();
        elements.add(struct);
        field.set(holder, elements);
        return struct;
    }
}
