package milena.records;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Writes blobs of record batches, each with what Kafka reads in it. Argument: the folder to write to. */
public final class WriteRecords {
    private WriteRecords() {
    }

    public static void main(String[] args) throws Exception {
        Path out = Path.of(args[0]);
        Files.createDirectories(out);
        for (Map.Entry<String, byte[]> blob : PlainBlobs.all().entrySet()) {
            save(out, blob.getKey(), blob.getValue(), Description.of(blob.getValue()));
        }
    }

    private static void save(Path out, String name, byte[] blob, List<String> lines) throws Exception {
        Files.write(out.resolve(name + ".bin"), blob);
        Files.write(out.resolve(name + ".jsonl"), lines);
        System.out.println(name + ": " + blob.length + " bytes, " + lines.size() + " lines");
    }
}
