package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the documents say is so: their links lead somewhere, and the README's commands do what it says. */
class DocumentationTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern LINK = Pattern.compile("\\[[^\\]]*\\]\\(([^)\\s]+)\\)");
    private static final Pattern BASH = Pattern.compile("```bash\\n(.*?)```", Pattern.DOTALL);

    @TempDir
    private Path directory;

    private static List<Path> documents() throws IOException {
        var documents = new TreeSet<Path>();
        // Not into what changes meanwhile.
        Files.walkFileTree(ROOT, Set.of(), 3, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                boolean isMade = Set.of("target", "data", ".git").contains(String.valueOf(folder.getFileName()));
                return isMade ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                if (file.toString().endsWith(".md")) {
                    documents.add(file);
                }
                return FileVisitResult.CONTINUE;
            }
        });
        return List.copyOf(documents);
    }

    @Test
    void everyLinkLeadsToAFileAndAHeading() throws IOException {
        var broken = new ArrayList<String>();
        for (Path document : documents()) {
            Matcher link = LINK.matcher(Files.readString(document));
            while (link.find()) {
                String target = link.group(1);
                if (target.startsWith("http:") || target.startsWith("https:")) {
                    continue;
                }
                int hash = target.indexOf('#');
                String path = hash < 0 ? target : target.substring(0, hash);
                Path file = path.isEmpty()
                        ? document
                        : document.resolveSibling(path).normalize();
                boolean found = Files.exists(file)
                        && (hash < 0 || anchors(Files.readString(file)).contains(target.substring(hash + 1)));
                if (!found) {
                    broken.add(ROOT.relativize(document) + ": " + target);
                }
            }
        }
        assertThat(documents()).hasSizeGreaterThan(5);
        assertThat(broken).isEmpty();
    }

    private static List<String> anchors(String markdown) {
        return markdown.lines()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("^#+ *", "").toLowerCase(Locale.ROOT))
                .map(line -> line.replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-'))
                .toList();
    }

    @Test
    void theCommandsOfTheReadmeGiveAFirstMessage() throws Exception {
        try (var postgres = TestPostgres.empty();
                var bridge = BridgeProcess.start(
                        directory.resolve("data"),
                        Map.of("SLUICE_CONNECTION_URL", postgres.url(), "SLUICE_CONNECTION_USER", "postgres"))) {
            var outputs = new ArrayList<String>();
            Matcher block = BASH.matcher(Files.readString(ROOT.resolve("README.md")));
            while (block.find()) {
                String command = block.group(1).strip();
                if (command.startsWith("curl") && !command.contains("…")) {
                    outputs.add(run(command.replace("127.0.0.1:6632", "127.0.0.1:" + bridge.port())));
                } else {
                    assertThat(command.contains("…")
                                    || Files.isExecutable(ROOT.resolve(command.replaceFirst(" .*", ""))))
                            .as(command)
                            .isTrue();
                }
            }
            assertThat(outputs).hasSizeGreaterThanOrEqualTo(2);
            assertThat(outputs.get(0)).contains("\"status\":\"queued\"");
            assertThat(outputs.get(1)).contains("\"data\":{\"text\":\"first light\"}");
        }
    }

    private static String run(String command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder("bash", "-c", command)
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).as(command).isTrue();
        return output;
    }
}
