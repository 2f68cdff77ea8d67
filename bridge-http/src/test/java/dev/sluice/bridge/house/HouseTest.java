package dev.sluice.bridge.house;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.sluice.bridge.house.SourceTree.Method;
import dev.sluice.bridge.house.SourceTree.SourceFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The source code and the documents keep their limits. {@link Measures} prints the figures. */
class HouseTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private static final int MOST_FILES = 35;
    /** The local log stays in one package: its classes share the formats of its files. */
    private static final int MOST_FILES_OF_BUFFER = 45;

    private static final int MOST_LINES_OF_A_FILE = 500;
    private static final int MOST_LINES_OF_A_METHOD = 60;
    private static final int MOST_PARAMETERS = 7;

    /** Public types that others use: Connect and the Java launcher load them by name. */
    private static final Set<String> USED_BY_NAME = Set.of(
            "dev.sluice.bridge.Main",
            "dev.sluice.bridge.api.subscribe.WebSocketClient", // Called by Jetty.
            "dev.sluice.connect.QueueSinkConnector",
            "dev.sluice.connect.QueueSourceConnector");

    /** Words that force an English reader to guess, each with a replacement. */
    private static final List<Banned> BANNED = List.of(
            new Banned("\\banew\\b", "again"),
            new Banned("\\bwhoever\\b", "a client that, a thread that …"),
            new Banned("\\bof which\\b", "two sentences"),
            new Banned("\\bso many as\\b", "as many as"),
            new Banned("\\bthough there be\\b", "even if"),
            new Banned("\\bha(s|ve) had (its|their) time\\b", "has expired"),
            new Banned("\\blest\\b", "so that … not"),
            new Banned("\\bthereof\\b", "of it"),
            new Banned("\\bwherein\\b", "in which"),
            new Banned("\\bhitherto\\b", "until now"),
            new Banned("\\bbe it\\b", "whether"));

    private static final Pattern COMMENT = Pattern.compile("^\\s*(?:/?\\*|//).*|.*\\S\\s+// .*");
    private static final Pattern NAME_IN_BACKTICKS = Pattern.compile(
            "`((?:[a-z]+/)+(?=[A-Z]))?([A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|(?<=/)[A-Z][a-z]+)(?:[.#]\\w+)?`");
    private static final Pattern MAY_BE_WIDE = Pattern.compile("^[|#]|]\\(");
    private static final Pattern DECLARATION = Pattern.compile("\\b(?:class|interface|record|enum) ([A-Z]\\w*)");

    /** Names in backticks that are not classes of this project. */
    private static final Set<String> FOREIGN = Set.of(
            "ByteArrayConverter",
            "DateStyle",
            "EdDSA",
            "JsonConverter",
            "RetriableException",
            "SimpleHeaderConverter",
            "SinkTask",
            "StringConverter",
            "TimeZone",
            "TimeoutStopSec");

    private record Banned(String pattern, String instead) {}

    private static List<SourceFile> files = List.of();

    @BeforeAll
    static void readTheSources() throws IOException {
        files = SourceTree.read(ROOT);
    }

    private static List<SourceFile> main() {
        return files.stream().filter(SourceFile::isMain).toList();
    }

    private static String name(SourceFile file) {
        return ROOT.relativize(file.path()).toString();
    }

    @Test
    void noPackageIsCrowded() {
        var crowded = new ArrayList<String>();
        Measures.byPackage(main()).forEach((name, inside) -> {
            if (inside.size() > (name.equals("dev.sluice.buffer") ? MOST_FILES_OF_BUFFER : MOST_FILES)) {
                crowded.add(name + ": " + inside.size());
            }
        });
        assertThat(crowded).isEmpty();
        assertThat(Measures.byPackage(main())).hasSizeGreaterThan(20);
    }

    @Test
    void everyPackageHasAnEssay() {
        Set<String> packages = Measures.byPackage(main()).keySet();
        Set<String> essays = main().stream()
                .filter(SourceFile::isPackageInfo)
                .map(SourceFile::packageName)
                .collect(Collectors.toSet());
        assertThat(essays).containsAll(packages);
    }

    @Test
    void theArchitectureNamesEveryPackage() throws IOException {
        String architecture = Files.readString(ROOT.resolve("docs/ARCHITECTURE.md"));
        assertThat(Measures.byPackage(main()).keySet())
                .allSatisfy(name -> assertThat(architecture).contains("| `" + name + "` |"));
    }

    @Test
    void noFileIsLong() {
        assertThat(files.stream()
                        .filter(file -> file.lines().size() > MOST_LINES_OF_A_FILE)
                        .map(file -> name(file) + ": " + file.lines().size()))
                .isEmpty();
    }

    @Test
    void noMethodIsLong() {
        assertThat(main().stream()
                        .flatMap(file -> file.methods().stream())
                        .filter(method -> method.lines() > MOST_LINES_OF_A_METHOD)
                        .map(HouseTest::described))
                .isEmpty();
    }

    @Test
    void noConstructorHasManyParameters() {
        assertThat(main().stream()
                        .flatMap(file -> file.methods().stream())
                        .filter(method -> method.isConstructor() && !method.isOfRecord())
                        .filter(method -> method.parameters() > MOST_PARAMETERS)
                        .map(HouseTest::described))
                .isEmpty();
    }

    private static String described(Method method) {
        return method.type() + "." + method.name() + ": " + method.lines() + " lines, " + method.parameters()
                + " parameters";
    }

    @Test
    void everyPublicTypeIsUsedByAnotherPackage() {
        Set<String> unused = new TreeSet<>(Measures.publicAndUnused(files));
        unused.removeAll(USED_BY_NAME);
        JavaClasses classes = new ClassFileImporter().importPackages("dev.sluice");
        unused.removeIf(name -> isUsedWithoutImport(classes.get(name))); // As in config.drain().linger().
        assertThat(unused).isEmpty();
    }

    private static boolean isUsedWithoutImport(JavaClass type) {
        return type.getDirectDependenciesToSelf().stream()
                .anyMatch(dependency ->
                        !dependency.getOriginClass().getPackageName().equals(type.getPackageName()));
    }

    @Test
    void commentsFitTheColumns() {
        assertThat(files.stream()
                        .filter(file -> Measures.wideComments(file) > 0)
                        .map(file -> name(file) + ": " + Measures.wideComments(file)))
                .isEmpty();
    }

    /** Tables, headings, code and lines with a link may be longer. */
    @Test
    void proseOfDocumentsFitsTheColumns() throws IOException {
        var wide = new ArrayList<String>();
        for (Path document : documents()) {
            boolean isCode = false;
            List<String> lines = Files.readAllLines(document);
            for (int i = 0; i < lines.size(); i++) {
                String line = lines.get(i);
                isCode ^= line.strip().startsWith("```");
                if (!isCode
                        && line.length() > Measures.COLUMNS
                        && !MAY_BE_WIDE.matcher(line).find()) {
                    wide.add(ROOT.relativize(document) + ":" + (i + 1));
                }
            }
        }
        assertThat(wide).isEmpty();
    }

    @Test
    void textsUseWordsThatEveryReaderKnows() throws IOException {
        var found = new ArrayList<String>();
        for (SourceFile file : files) {
            if (file.packageName().equals(HouseTest.class.getPackageName())) {
                continue;
            }
            for (int i = 0; i < file.lines().size(); i++) {
                String line = file.lines().get(i);
                if (COMMENT.matcher(line).matches() || line.contains("\"")) {
                    find(name(file) + ":" + (i + 1), line, found);
                }
            }
        }
        for (Path document : documents()) {
            List<String> lines = Files.readAllLines(document);
            for (int i = 0; i < lines.size(); i++) {
                find(ROOT.relativize(document) + ":" + (i + 1), lines.get(i), found);
            }
        }
        assertThat(found).isEmpty();
    }

    private static void find(String place, String line, List<String> found) {
        for (Banned word : BANNED) {
            Matcher match =
                    Pattern.compile(word.pattern(), Pattern.CASE_INSENSITIVE).matcher(line);
            if (match.find()) {
                found.add(place + ": not \"" + match.group() + "\", but: " + word.instead());
            }
        }
    }

    @Test
    void classesThatDocumentsNameExist() throws IOException {
        Set<String> known = new TreeSet<>();
        for (SourceFile file : files) {
            file.types().forEach(type -> known.add(file.packageName() + "." + type.name()));
            file.lines().stream()
                    .map(DECLARATION::matcher)
                    .filter(Matcher::find)
                    .forEach(match -> known.add(file.packageName() + "." + match.group(1)));
        }
        var missing = new TreeSet<String>();
        int names = 0;
        for (Path document : documents()) {
            Matcher match = NAME_IN_BACKTICKS.matcher(Files.readString(document));
            while (match.find()) {
                names++;
                String place = match.group(1) == null ? "" : match.group(1).replace('/', '.');
                String end = "." + place + match.group(2);
                if (known.stream().noneMatch(name -> name.endsWith(end)) && !FOREIGN.contains(match.group(2))) {
                    missing.add(ROOT.relativize(document) + ": " + match.group());
                }
            }
        }
        assertThat(names).isGreaterThan(50);
        assertThat(missing).isEmpty();
    }

    private static List<Path> documents() throws IOException {
        var documents = new ArrayList<Path>();
        for (Path folder : List.of(ROOT, ROOT.resolve("docs"), ROOT.resolve("connector"), ROOT.resolve("buffer"))) {
            try (Stream<Path> inside = Files.list(folder)) {
                inside.filter(path -> path.toString().endsWith(".md")).sorted().forEach(documents::add);
            }
        }
        return documents;
    }
}
