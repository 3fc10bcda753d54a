package milena.records;

import java.util.LinkedHashMap;
import java.util.Map;

import org.apache.kafka.common.record.internal.CompressionType;

/** Blobs as Kafka's own builder writes them: every format with every codec that it allows. */
final class PlainBlobs {
    private PlainBlobs() {
    }

    static Map<String, byte[]> all() {
        Map<String, byte[]> blobs = new LinkedHashMap<>();
        for (int magic = 0; magic <= 2; magic++) {
            for (CompressionType codec : CompressionType.values()) {
                if (magic == 2 || codec != CompressionType.ZSTD) {
                    byte[] blob = BatchWriter.magic(magic).codec(codec).from(40).write(Samples.awkward());
                    blobs.put("magic" + magic + "-" + codec.name, blob);
                }
            }
        }
        return blobs;
    }
}
