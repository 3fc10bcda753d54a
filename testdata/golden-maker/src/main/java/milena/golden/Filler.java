package milena.golden;

import java.util.Collection;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/** Draws the JSON of a message from the schema of one of its versions: exactly the fields that the version has. */
final class Filler {
    private static final int LONG_ARRAY = 130;

    private final Case.Plan plan;
    private final Values values;

    Filler(Case.Plan plan, Values values) {
        this.plan = plan;
        this.values = values;
    }

    ObjectNode struct(Schema schema) {
        ObjectNode struct = JsonNodeFactory.instance.objectNode();
        for (BoundField field : schema.fields()) {
            if (!(field.def.type instanceof TaggedFields)) {
                struct.set(camelCase(field.def.name), value(field.def.type));
            }
        }
        TaggedFields tagged = taggedFields(schema);
        if (tagged != null) {
            for (Field field : known(tagged)) {
                if (plan != Case.Plan.MIXED || values.coin()) {
                    struct.set(camelCase(field.name), notDefault(field));
                }
            }
        }
        return struct;
    }

    /** Tagged fields that equal their default are not written; unless it is all about that, draw another value. */
    private JsonNode notDefault(Field field) {
        JsonNode value = value(field.type);
        while (plan != Case.Plan.EMPTY && value.isIntegralNumber() && value.asText().equals(String.valueOf(field.defaultValue))) {
            value = value(field.type);
        }
        return value;
    }

    private JsonNode value(Type type) {
        if (type.isNullable() && (plan == Case.Plan.NULLS || plan == Case.Plan.MIXED && values.coin())) {
            return JsonNodeFactory.instance.nullNode();
        }
        if (type.isArray()) {
            return array(type.arrayElementType().get());
        }
        if (type instanceof Schema) {
            return struct((Schema) type);
        }
        String name = type.toString().replace("COMPACT_", "").replace("NULLABLE_", "");
        return plan == Case.Plan.EMPTY ? Values.empty(name) : values.next(name);
    }

    private ArrayNode array(Type element) {
        int length = switch (plan) {
            case EMPTY, UNTOUCHED -> 0;
            case FULL, NULLS -> 2;
            case MIXED -> values.between(1, 3);
            case LONG -> hasArrays(element) ? 1 : LONG_ARRAY;
        };
        ArrayNode array = JsonNodeFactory.instance.arrayNode();
        for (int i = 0; i < length; i++) {
            array.add(value(element));
        }
        return array;
    }

    /** The tagged fields of a struct in a flexible version; null in other versions. */
    static TaggedFields taggedFields(Schema schema) {
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields) {
                return (TaggedFields) field.def.type;
            }
        }
        return null;
    }

    /** The tagged fields that have a name, in the order of their tags. Kafka 3.9 has no accessor for them. */
    @SuppressWarnings("unchecked")
    static Collection<Field> known(TaggedFields tagged) {
        try {
            java.lang.reflect.Field fields = TaggedFields.class.getDeclaredField("fields");
            fields.setAccessible(true);
            return ((Map<Integer, Field>) fields.get(tagged)).values();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whether there is an array in a type, at any depth. */
    static boolean hasArrays(Type type) {
        if (type.isArray()) {
            return true;
        }
        if (type instanceof TaggedFields) {
            return known((TaggedFields) type).stream().anyMatch(field -> hasArrays(field.type));
        }
        if (type instanceof Schema) {
            for (BoundField field : ((Schema) type).fields()) {
                if (hasArrays(field.def.type)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Schemas name their fields throttle_time_ms, the JSON throttleTimeMs. */
    static String camelCase(String snakeCase) {
        StringBuilder name = new StringBuilder();
        for (String word : snakeCase.split("_")) {
            name.append(name.isEmpty() ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
        }
        return name.toString();
    }
}
