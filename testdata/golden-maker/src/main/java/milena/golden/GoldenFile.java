package milena.golden;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** One file of golden messages, an object a line, in the order of versions and then of cases. */
final class GoldenFile {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** One message: its version, the name of its case, Kafka's bytes and Kafka's JSON. */
    record Line(short version, String kind, byte[] bytes, JsonNode json) {
        static Line parse(String text) {
            try {
                JsonNode line = MAPPER.readTree(text);
                return new Line((short) line.get("version").intValue(), line.get("case").textValue(),
                    line.get("bytes").binaryValue(), line.get("json"));
            } catch (IOException e) {
                throw new IllegalStateException("not a line of a golden file: " + text, e);
            }
        }

        @Override
        public String toString() {
            ObjectNode line = MAPPER.createObjectNode();
            line.put("version", version);
            line.put("case", kind);
            line.put("bytes", bytes);
            line.set("json", json);
            return line.toString();
        }
    }

    private final Path path;
    private final List<Line> lines = new ArrayList<>();
    private final Set<Short> versionsBefore;

    private GoldenFile(Path path, List<Line> before) {
        this.path = path;
        this.lines.addAll(before);
        this.versionsBefore = before.stream().map(Line::version).collect(Collectors.toSet());
    }

    static GoldenFile open(Path path) throws IOException {
        List<String> lines = Files.exists(path) ? Files.readAllLines(path) : List.of();
        return new GoldenFile(path, lines.stream().map(Line::parse).toList());
    }

    /** Whether the file had a version when it was opened. */
    boolean has(short version) {
        return versionsBefore.contains(version);
    }

    void add(Line line) {
        lines.add(line);
    }

    /** Writes the file, and says what is in it. */
    String save() throws IOException {
        lines.sort(Comparator.comparing(Line::version).thenComparing(Line::kind));
        Files.write(path, lines.stream().map(Line::toString).toList());
        return String.format("%s: v%d to v%d, %d messages", path.getFileName(),
            lines.get(0).version, lines.get(lines.size() - 1).version, lines.size());
    }
}
