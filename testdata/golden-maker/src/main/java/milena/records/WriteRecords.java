package milena.records;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes blobs of record batches, each with what Kafka reads in it. Argument: the folder to write to. */
public final class WriteRecords {
    private WriteRecords() {
    }

    public static void main(String[] args) throws Exception {
        Path out = Path.of(args[0]);
        Files.createDirectories(out);
        Map<String, byte[]> blobs = new LinkedHashMap<>(PlainBlobs.all());
        blobs.putAll(LogBlobs.all());
        for (Map.Entry<String, byte[]> blob : blobs.entrySet()) {
            save(out, blob.getKey(), blob.getValue(), Description.of(blob.getValue()));
        }
        for (Map.Entry<String, OddBlobs.Twins> twins : OddBlobs.all().entrySet()) {
            byte[] blob = twins.getValue().blob();
            save(out, twins.getKey(), blob, Description.of(blob, twins.getValue().readable()));
        }
        for (BrokenBlobs.Broken broken : BrokenBlobs.all()) {
            save(out, broken);
        }
    }

    private static void save(Path out, BrokenBlobs.Broken broken) throws Exception {
        String name = "broken-" + broken.name();
        String verdict = Description.refusal(broken.blob());
        if (verdict == null) {
            throw new IllegalStateException("Kafka reads " + name);
        }
        Files.write(out.resolve(name + ".bin"), broken.blob());
        Files.writeString(out.resolve(name + ".txt"), broken.what() + "\n");
        if (broken.before().length > 0) {
            Files.write(out.resolve(name + ".jsonl"), Description.of(broken.before()));
        }
        System.out.println(name + ": " + broken.blob().length + " bytes; Kafka: " + verdict);
    }

    private static void save(Path out, String name, byte[] blob, List<String> lines) throws Exception {
        Files.write(out.resolve(name + ".bin"), blob);
        Files.write(out.resolve(name + ".jsonl"), lines);
        System.out.println(name + ": " + blob.length + " bytes, " + lines.size() + " lines");
    }
}
