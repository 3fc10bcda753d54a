import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Reads files of properties as Java does, and writes down what it finds, one JSON object a line: "bytes" in base64, and the
 * properties as "read", or "error" where Java refuses the file.
 */
public class PropertiesMaker {
    static final List<String> CASES = List.of(
        "group.id=g\nfetch.min.bytes:7\nclient.id me\n",
        "  # a comment\n\t! another \\\ngroup.id = g \n\n   \nname",
        "list = one,\\\n       two,\\\r\n\t  three\\\r# four\n",
        "path=C:\\\\temp\\new\n", "a\\=b\\:c\\ d = e=f:g h\n", "tab=\\t\\n\\r\\f|\\a\\'\\\"\n",
        "euro=\\u20ac\\u20AC\nface=\\ud83d\\ude00\n", "bad=\\u20g0\n", "bad=\\u20", "bad\\u12=3", "end=\\",
        "latin=\u00e9\u00ff\u0080\n", "twice=1\ntwice=2\n", "=no name\n:none either\n", "only\\\n", "\\\n\n a=b", "a\\\n=b", "a\\\n\nb=c",
        "#c\\\na=b", "a=\\\n#b", "a =\\\n  \\\n  b\n", "\\u0061\\u003d=\\u0020b", "a\f=\fb\f\n", "", "\n\r\n", "a==b", "a = : b", "a : = b", "a  b", "a\\  b");
    static final List<String> PIECES = List.of(
        " ", " ", "\t", "\f", "=", ":", "\\", "\\", "\n", "\n", "\r", "\r\n", "#", "!", "a", "b", "c", "u", "n", "\\u0041", "\\u003D", "\u00e9", "0");

    public static void main(String[] args) throws IOException {
        Random random = new Random(1);
        List<String> texts = new ArrayList<>(CASES);
        while (texts.size() < 1000) {
            StringBuilder text = new StringBuilder();
            for (int count = 1 + random.nextInt(24); count > 0; count--) {
                text.append(PIECES.get(random.nextInt(PIECES.size())));
            }
            texts.add(text.toString());
        }
        Files.write(Path.of(args[0]), texts.stream().map(PropertiesMaker::line).toList());
    }

    static String line(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        String start = "{\"bytes\":\"" + Base64.getEncoder().encodeToString(bytes) + "\",";
        Properties properties = new Properties();
        try {
            properties.load(new ByteArrayInputStream(bytes));
        } catch (IllegalArgumentException | IOException e) {
            return start + "\"error\":" + quoted(e.getMessage()) + "}";
        }
        TreeMap<String, String> sorted = new TreeMap<>();
        properties.forEach((name, value) -> sorted.put((String) name, (String) value));
        return start + "\"read\":" + sorted.entrySet().stream()
            .map(entry -> quoted(entry.getKey()) + ":" + quoted(entry.getValue()))
            .collect(Collectors.joining(",", "{", "}")) + "}";
    }

    static String quoted(String text) {
        return text.chars()
            .mapToObj(c -> c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? String.format("\\u%04x", c) : String.valueOf((char) c))
            .collect(Collectors.joining("", "\"", "\""));
    }
}
