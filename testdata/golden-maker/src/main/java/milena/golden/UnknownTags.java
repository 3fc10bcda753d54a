package milena.golden;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Collection;
import java.util.Iterator;

import com.fasterxml.jackson.databind.JsonNode;

import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.RawTaggedField;

/** Adds tagged fields that no version knows to a message and to every struct in it. */
final class UnknownTags {
    /** One byte, two and five on the wire; all above the tags that Kafka has given out, which writes them up to here. */
    private static final int[] TAGS = {100, 101, 300, Integer.MAX_VALUE - 1};
    private static final int LONG = 140;

    private int structs;

    /**
     * Goes down wherever the JSON does: a struct that this version lacks is there in Kafka's class,
     * and must stay as it was made.
     */
    void addTo(Message struct, JsonNode json) throws IllegalAccessException {
        int n = structs++;
        for (int i = 0; i < TAGS.length; i++) {
            struct.unknownTaggedFields().add(new RawTaggedField(TAGS[i], content(n, i)));
        }
        for (Field field : struct.getClass().getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers()) || !json.has(field.getName())) {
                continue;
            }
            field.setAccessible(true);
            addBelow(field.get(struct), json.get(field.getName()));
        }
    }

    private void addBelow(Object value, JsonNode json) throws IllegalAccessException {
        if (value instanceof Message) {
            addTo((Message) value, json);
        } else if (value instanceof Collection) {
            Iterator<JsonNode> element = json.elements();
            for (Object each : (Collection<?>) value) {
                addBelow(each, element.next());
            }
        }
    }

    /** The second tag is always empty, the third is long on the first struct. */
    private static byte[] content(int struct, int tag) {
        int length = switch (tag) {
            case 1 -> 0;
            case 2 -> struct == 0 ? LONG : 2;
            default -> 1 + (struct + tag) % 5;
        };
        byte[] content = new byte[length];
        for (int i = 0; i < length; i++) {
            content[i] = (byte) (struct * 31 + tag * 11 + i);
        }
        return content;
    }
}
