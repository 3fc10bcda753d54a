package milena.golden;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The record blobs that fill the fields of type `records`, in the formats that the version of a message carries. */
final class Blobs {
    /** The first versions of Produce and Fetch that carry magic 1, and magic 2. */
    private static final int MAGIC_1 = 2;
    private static final int PRODUCE_MAGIC_2 = 3;
    private static final int FETCH_MAGIC_2 = 4;

    private final List<List<byte[]>> byMagic;

    Blobs(Path folder) throws IOException {
        this.byMagic = List.of(pair(folder, 0), pair(folder, 1), pair(folder, 2));
    }

    private static List<byte[]> pair(Path folder, int magic) throws IOException {
        return List.of(
            Files.readAllBytes(folder.resolve("magic" + magic + "-none.bin")),
            Files.readAllBytes(folder.resolve("magic" + magic + "-gzip.bin")));
    }

    List<byte[]> forMessage(String message, short version) {
        int magic2 = message.startsWith("Produce") ? PRODUCE_MAGIC_2 : FETCH_MAGIC_2;
        return byMagic.get(version >= magic2 ? 2 : version >= MAGIC_1 ? 1 : 0);
    }
}
