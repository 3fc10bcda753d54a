package milena.golden;

import java.lang.reflect.Method;
import java.nio.ByteBuffer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.Schema;

/** One of Kafka's generated message classes, with its JSON converter, by name. */
record Message(String name, Class<?> data, Class<?> converter, boolean versionLeads) {
    private static final String PACKAGE = "org.apache.kafka.common.message.";

    /** A request, a response or a header: its bytes do not say their version. */
    static Message body(String name) throws ReflectiveOperationException {
        String data = PACKAGE + name + "Data";
        return new Message(name, Class.forName(data), Class.forName(data + "JsonConverter"), false);
    }

    /** A blob that another message carries: its first two bytes are its version. */
    static Message blob(String name) throws ReflectiveOperationException {
        String data = PACKAGE + name;
        return new Message(name, Class.forName(data), Class.forName(data + "JsonConverter"), true);
    }

    short oldest() throws ReflectiveOperationException {
        return data.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
    }

    short latest() throws ReflectiveOperationException {
        return data.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
    }

    Schema schema(short version) throws ReflectiveOperationException {
        return ((Schema[]) data.getField("SCHEMAS").get(null))[version];
    }

    boolean isFlexible(short version) throws ReflectiveOperationException {
        return Filler.taggedFields(schema(version)) != null;
    }

    org.apache.kafka.common.protocol.Message untouched() throws ReflectiveOperationException {
        return (org.apache.kafka.common.protocol.Message) data.getConstructor().newInstance();
    }

    org.apache.kafka.common.protocol.Message read(JsonNode json, short version) throws ReflectiveOperationException {
        Method read = converter.getMethod("read", JsonNode.class, short.class);
        return (org.apache.kafka.common.protocol.Message) read.invoke(null, json, version);
    }

    ObjectNode json(org.apache.kafka.common.protocol.Message value, short version) throws ReflectiveOperationException {
        Method write = converter.getMethod("write", data, short.class, boolean.class);
        return (ObjectNode) write.invoke(null, value, version, true);
    }

    /** The JSON of a struct that is part of the message. */
    JsonNode innerJson(Object struct, short version) throws ReflectiveOperationException {
        String inner = converter.getName() + "$" + struct.getClass().getSimpleName() + "JsonConverter";
        Method write = Class.forName(inner).getMethod("write", struct.getClass(), short.class, boolean.class);
        return (JsonNode) write.invoke(null, struct, version, true);
    }

    /** The value's bytes, after a check that Kafka reads the same value back from them. */
    byte[] bytes(org.apache.kafka.common.protocol.Message value, short version) throws ReflectiveOperationException {
        ByteBuffer bytes = write(value, version);
        ByteBuffer written = bytes.duplicate().flip().position(versionLeads ? Short.BYTES : 0);
        org.apache.kafka.common.protocol.Message back = untouched();
        back.read(new ByteBufferAccessor(written), version);
        if (!back.equals(value) || written.hasRemaining() || bytes.hasRemaining()) {
            throw new IllegalStateException(name + " v" + version + " reads back as " + back + ", wrote " + value);
        }
        return bytes.array();
    }

    /** The value's bytes, of which some that it has may be missing in this version. */
    byte[] lossyBytes(org.apache.kafka.common.protocol.Message value, short version) {
        return write(value, version).array();
    }

    private ByteBuffer write(org.apache.kafka.common.protocol.Message value, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        int lead = versionLeads ? Short.BYTES : 0;
        ByteBuffer bytes = ByteBuffer.allocate(lead + value.size(cache, version));
        if (versionLeads) {
            bytes.putShort(version);
        }
        value.write(new ByteBufferAccessor(bytes), cache, version);
        return bytes;
    }
}
