package milena.golden;

import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** One way of filling a message, and what is made of it. */
record Case(String name, Plan plan, boolean unknownTags) {

    /** How a message is filled. */
    enum Plan {
        /** As the class's constructor leaves it. */
        UNTOUCHED,
        /** Nothing is null, and there is nothing in it: no elements, empty strings, zeros. */
        EMPTY,
        /** Everything that can be null is. */
        NULLS,
        /** Every field has a value, every array two elements. */
        FULL,
        /** A random half of what can be left out is; arrays have one to three elements. */
        MIXED,
        /** The innermost arrays have 130 elements: a compact length of two bytes. */
        LONG
    }

    /** The cases of one version of a message. */
    static List<Case> of(Message message, short version) throws ReflectiveOperationException {
        boolean flexible = message.isFlexible(version);
        List<Case> cases = new ArrayList<>();
        cases.add(new Case("default", Plan.UNTOUCHED, false));
        cases.add(new Case("empty", Plan.EMPTY, false));
        cases.add(new Case("full", Plan.FULL, false));
        for (int i = 1; i <= 4; i++) {
            cases.add(new Case("mixed-" + i, Plan.MIXED, false));
        }
        cases.add(new Case("nulls", Plan.NULLS, false));
        if (flexible) {
            cases.add(new Case("tagged", Plan.FULL, true));
            cases.add(new Case("tagged-bare", Plan.UNTOUCHED, true));
        }
        boolean lastOfItsKind = version == message.latest() || flexible != message.isFlexible((short) (version + 1));
        if (lastOfItsKind && Filler.hasArrays(message.schema(version))) {
            cases.add(new Case("long", Plan.LONG, false));
        }
        return cases;
    }

    GoldenFile.Line golden(Message message, short version, Blobs blobs) throws ReflectiveOperationException {
        ObjectNode drawn = null;
        org.apache.kafka.common.protocol.Message value;
        if (plan == Plan.UNTOUCHED) {
            value = message.untouched();
        } else {
            Values values = new Values(message.name() + " " + version + " " + name, blobs.forMessage(message.name(), version));
            drawn = new Filler(plan, values).struct(message.schema(version));
            value = message.read(drawn, version);
        }
        ObjectNode json = message.json(value, version);
        if (drawn != null) {
            putRecords(drawn, json);
        }
        if (unknownTags) {
            new UnknownTags().addTo(value, json);
        }
        return new GoldenFile.Line(version, name, message.bytes(value, version), json);
    }

    /** Kafka's converter writes the sizes of records, or nothing at all: the bytes that were drawn take their place. */
    private static void putRecords(JsonNode from, JsonNode to) {
        if (from.isObject()) {
            from.fieldNames().forEachRemaining(name -> {
                if (name.equals("records") && from.get(name).isBinary()) {
                    ((ObjectNode) to).set(name, from.get(name));
                } else if (to.has(name)) {
                    putRecords(from.get(name), to.get(name));
                }
            });
        } else if (from.isArray()) {
            for (int i = 0; i < from.size(); i++) {
                putRecords(from.get(i), to.get(i));
            }
        }
    }
}
