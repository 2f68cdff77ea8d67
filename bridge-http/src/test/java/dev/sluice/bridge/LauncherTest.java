package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.e2e.SmallestHeap;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code sluice} with other programs on its path, in a directory where nothing is built. */
class LauncherTest {
    private static final List<String> TOOLS = List.of(
            "dirname",
            "readlink",
            "cat",
            "sed",
            "head",
            "cut",
            "sort",
            "find",
            "touch",
            "tee",
            "grep",
            "mkdir",
            "mv",
            "rm");

    @TempDir
    Path directory;

    private Path root;
    private Path bin;

    @BeforeEach
    void copyTheScript() throws IOException {
        root = Files.createDirectories(directory.resolve("root"));
        bin = Files.createDirectories(directory.resolve("bin"));
        Files.copy(Path.of("..", "sluice"), root.resolve("sluice"));
        Files.copy(Path.of("..", "pom.xml"), root.resolve("pom.xml"));
        for (String tool : TOOLS) {
            Path real = List.of("/bin", "/usr/bin").stream()
                    .map(place -> Path.of(place, tool))
                    .filter(Files::exists)
                    .findFirst()
                    .orElseThrow(() -> new AssertionError(tool));
            program(tool, "exec " + real + " \"$@\"");
        }
    }

    private void program(String name, String script) throws IOException {
        Path file = Files.writeString(bin.resolve(name), "#!/bin/bash\n" + script + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private void java(String version) throws IOException {
        program("java", "[ \"$1\" = -version ] && echo 'openjdk version \"" + version + "\"' >&2 || echo \"java $*\"");
    }

    private void maven(String version) throws IOException {
        program(
                "mvn",
                "[ \"$1\" = --version ] && echo 'Apache Maven " + version + " (x)' && exit; "
                        + "echo '[INFO] Building Sluice buffer 1 [2/4]';"
                        + "mkdir -p bridge-http/target/sluice; echo >bridge-http/target/sluice-bridge-http-1.jar");
    }

    private String run(int status, String... arguments) throws Exception {
        return run(status, Map.of(), arguments);
    }

    private String run(int status, Map<String, String> environment, String... arguments) throws Exception {
        var command = new ArrayList<String>(
                List.of("/bin/bash", root.resolve("sluice").toString()));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command);
        builder.environment().clear();
        builder.environment().put("PATH", bin.toString());
        builder.environment().putAll(environment);
        Process process = builder.redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isEqualTo(status);
        return output;
    }

    @Test
    void explainsItself() throws Exception {
        assertThat(run(0, "help"))
                .contains("up [--config FILE]")
                .contains("work [--config FILE]")
                .contains("bench [OPTIONS]")
                .contains("docs/configuration.md");
        assertThat(run(0)).contains("Usage:");
        assertThat(run(0, "version")).startsWith("sluice ");
        assertThat(run(1, "dwon")).endsWith("sluice: unknown command dwon\n");
    }

    @Test
    void asksForJava() throws Exception {
        assertThat(run(1, "up"))
                .isEqualTo(
                        "sluice: Java 17 or later is needed, there is no java on the PATH and JAVA_HOME is not set\n");
        for (String version : List.of("1.8.0_292", "11.0.2", "16")) {
            java(version);
            assertThat(run(1, "up"))
                    .isEqualTo("sluice: Java 17 or later is needed, " + bin.resolve("java") + " is " + version + "\n");
        }
    }

    @Test
    void asksForMaven() throws Exception {
        java("17.0.15");
        assertThat(run(1, "up"))
                .isEqualTo("sluice: Maven 3.8 or later is needed to build, there is no mvn on the PATH\n");
        for (String version : List.of("3.6.3", "2.10.1", "3.7")) {
            maven(version);
            assertThat(run(1, "up"))
                    .isEqualTo("sluice: Maven 3.8 or later is needed to build, " + bin.resolve("mvn") + " is " + version
                            + "\n");
        }
    }

    @Test
    void buildsOnceAndHandsOver() throws Exception {
        java("21-ea");
        maven("3.10.0");
        assertThat(run(0, "up", "--config", "a b.properties"))
                .contains("sluice: Building")
                .contains("sluice:   Sluice buffer 1 [2/4]")
                .contains("dev.sluice.bridge.Main up --config a b.properties");
        assertThat(run(0, "up")).doesNotContain("Building").contains("dev.sluice.bridge.Main up");
        assertThat(run(0, "buffer", "export", "--dir", "a b"))
                .contains("dev.sluice.bridge.Main buffer export --dir a b");
        assertThat(run(0, "bench", "--scenario", "push-1"))
                .contains("-Dsluice.bench.launcher=" + root.resolve("sluice").toRealPath())
                .contains("dev.sluice.bridge.Main bench --scenario push-1");
        assertThat(run(0, "work", "--config", "a b.properties"))
                .contains("-XX:+ExitOnOutOfMemoryError")
                .contains("dev.sluice.bridge.Main work --config a b.properties");
        Path source =
                Files.createDirectories(root.resolve("buffer/src/main/java")).resolve("A.java");
        Files.writeString(source, "class A {}");
        assertThat(run(0, "up")).contains("Building");
    }

    @Test
    void buildsAgainWhenAModuleInsideOfAnotherHasChanged() throws Exception {
        java("17");
        maven("3.9.9");
        Path module = Files.createDirectories(root.resolve("bridge-http/work"));
        Path pom = Files.writeString(module.resolve("pom.xml"), "<project/>");
        Path source = Files.writeString(
                Files.createDirectories(module.resolve("src/main/java/a")).resolve("A.java"), "class A {}");
        assertThat(run(0, "up")).contains("Building");
        assertThat(run(0, "up")).doesNotContain("Building");
        for (Path changed : List.of(source, pom)) {
            Path stamp = root.resolve("bridge-http/target/sluice/built");
            Files.setLastModifiedTime(
                    changed,
                    FileTime.fromMillis(Files.getLastModifiedTime(stamp).toMillis() + 1000));
            assertThat(run(0, "up")).as("%s", changed).contains("Building");
            Files.setLastModifiedTime(changed, FileTime.fromMillis(0));
            assertThat(run(0, "up")).as("%s", changed).doesNotContain("Building");
        }
        assertThat(run(0, "up")).doesNotContain("Building");
    }

    @Test
    void measuresTheWorkEngineWithTheBenchmarkAmongTheTests() throws Exception {
        java("17.0.15");
        program(
                "mvn",
                "[ \"$1\" = --version ] && echo 'Apache Maven 3.9.9 (x)' && exit; echo \"mvn $*\";"
                        + "mkdir -p bridge-http/work/target; "
                        + "echo lib/a.jar:lib/b.jar >bridge-http/work/target/classpath");
        Path module = root.toRealPath().resolve("bridge-http/work/target");
        assertThat(run(0, "bench", "--work", "noop", "--rounds", "1"))
                .contains("--projects bridge-http/work --also-make test-compile")
                .endsWith("java -cp " + module.resolve("test-classes") + ":" + module.resolve("classes")
                        + ":lib/a.jar:lib/b.jar dev.sluice.work.bench.WorkBenchmark noop --rounds 1\n");
        program("mvn", "[ \"$1\" = --version ] && echo 'Apache Maven 3.9.9 (x)' && exit; exit 1");
        assertThat(run(1, "bench", "--work")).endsWith("sluice: the build failed\n");
    }

    @Test
    void givesItsSettingsToTheServiceAndToNoOtherProgram() throws Exception {
        program(
                "java",
                "[ \"$1\" = -version ] && echo \"openjdk version \\\"17${SLUICE_AUTH_JWT_SECRET:+ leaked}\\\"\" >&2"
                        + " && exit; echo \"service: $SLUICE_AUTH_JWT_SECRET\"");
        program(
                "mvn",
                "[ -z \"${SLUICE_AUTH_JWT_SECRET:-}\" ] || exit 7; [ \"$1\" = --version ]"
                        + " && echo 'Apache Maven 3.9.9 (x)' && exit; mkdir -p bridge-http/target/sluice;"
                        + " echo >bridge-http/target/sluice-bridge-http-1.jar");
        assertThat(run(0, Map.of("SLUICE_AUTH_JWT_SECRET", "a s3cret\nof two lines", "SLUICE_HTTP_PORT", "1"), "up"))
                .contains("service: a s3cret\nof two lines");
    }

    @Test
    void runsInUtf8WhereTheLocaleIsAsciiAndLeavesOtherLocalesAlone() throws Exception {
        program(
                "java",
                "[ \"$1\" = -version ] && echo 'openjdk version \"17\"' >&2 || echo \"LC_ALL=${LC_ALL-not set}\"");
        maven("3.9.9");
        run(0, "up");
        for (Map<String, String> ascii : List.of(
                Map.<String, String>of(),
                Map.of("LC_ALL", "C"),
                Map.of("LC_ALL", "POSIX", "LANG", "de_DE.UTF-8"),
                Map.of("LC_ALL", "", "LC_CTYPE", "C", "LANG", "de_DE.UTF-8"),
                Map.of("LANG", "C"))) {
            assertThat(run(0, ascii, "up")).as("%s", ascii).isEqualTo("LC_ALL=C.UTF-8\n");
            assertThat(run(0, ascii, "buffer", "inspect")).as("%s", ascii).isEqualTo("LC_ALL=C.UTF-8\n");
        }
        assertThat(run(0, Map.of("LANG", "C.UTF-8"), "up")).isEqualTo("LC_ALL=not set\n");
        assertThat(run(0, Map.of("LC_ALL", "C.utf8", "LANG", "C"), "up")).isEqualTo("LC_ALL=C.utf8\n");
    }

    @Test
    void givesTheSmallestHeapUnlessTheUserGivesOne() throws Exception {
        java("17");
        maven("3.9.9");
        assertThat(run(0, "up")).contains("-XX:+ExitOnOutOfMemoryError -Xms64m -Xmn48m " + SmallestHeap.HEAP + " -cp");
        assertThat(run(0, Map.of("SLUICE_JAVA_OPTS", "-Dx=y"), "up"))
                .contains("-Xms64m -Xmn48m " + SmallestHeap.HEAP + " -Dx=y -cp");
        for (String own : List.of("-Xms32m -Xmx1g", "-XX:MaxRAMPercentage=70", "-XX:MaxHeapSize=1g")) {
            assertThat(run(0, Map.of("SLUICE_JAVA_OPTS", own), "up"))
                    .contains("-XX:+ExitOnOutOfMemoryError " + own + " -cp");
            assertThat(run(0, Map.of("JDK_JAVA_OPTIONS", own), "up")).contains("-XX:+ExitOnOutOfMemoryError -cp");
        }
    }

    @Test
    void returnsFreeMemoryToTheSystemWhereJavaCanDoThat() throws Exception {
        maven("3.9.9");
        for (String able : List.of("17.0.9", "17.0.15+6", "21.0.1", "22", "25.0.1")) {
            java(able);
            assertThat(run(0, Map.of("OSTYPE", "linux-gnu"), "up"))
                    .as(able)
                    .contains(" -XX:TrimNativeHeapInterval=10000 -cp");
            assertThat(run(0, Map.of("OSTYPE", "darwin22"), "up")).as(able).doesNotContain("TrimNative");
        }
        for (String unable : List.of("17", "17.0.8", "18.0.2", "20.0.9", "21", "21.0.0", "21-ea")) {
            java(unable);
            assertThat(run(0, Map.of("OSTYPE", "linux-gnu"), "up")).as(unable).doesNotContain("TrimNative");
        }
    }

    @Test
    void keepsTheMemoryOfTheCLibraryInOneArenaUnlessTheUserWantsMore() throws Exception {
        program("java", "[ \"$1\" = -version ] && echo 'openjdk version \"17\"' >&2 || echo \"$MALLOC_ARENA_MAX\"");
        maven("3.9.9");
        run(0, "up");
        assertThat(run(0, "up")).isEqualTo("1\n");
        assertThat(run(0, Map.of("MALLOC_ARENA_MAX", "4"), "up")).isEqualTo("4\n");
    }

    /** A Java that writes an archive when it is told to, and ends a training run with a status. */
    private void javaWithArchives(String version, int status) throws IOException {
        program(
                "java",
                "[ \"$1\" = -version ] && echo 'openjdk version \"" + version + "\"' >&2 && exit; case \"$1\" in"
                        + " -XX:ArchiveClassesAtExit=* | -XX:AOTCacheOutput=*) echo \"$@\" >\"${1#*=}\"; exit " + status
                        + ";; esac; echo \"java $*\"");
    }

    @Test
    void makesAnArchiveOfClassesWithTheBuildAndUsesItForAllCommandsOfThatJava() throws Exception {
        javaWithArchives("17.0.15", 0);
        maven("3.9.9");
        Path archive = root.toRealPath().resolve("bridge-http/target/sluice/classes-17.0.15.jsa");
        String shared = "java -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0 ";
        String uses = shared + "-XX:SharedArchiveFile=" + archive + " -Xshare:auto -Xlog:cds*=off ";
        assertThat(run(0, "up")).contains("Preparing faster starts").contains(uses);
        assertThat(Files.readString(archive)).contains("dev.sluice.bridge.TrainingRun");
        assertThat(run(0, "up")).startsWith(uses);
        assertThat(run(0, "buffer", "inspect")).startsWith(uses);
        assertThat(run(0, "bench")).startsWith(uses);
        javaWithArchives("21.0.1", 0);
        assertThat(run(0, "up")).startsWith("java -XX:+Use"); // Built already, and without an archive for this Java.
        Path source =
                Files.createDirectories(root.resolve("buffer/src/main/java")).resolve("A.java");
        Files.writeString(source, "class A {}");
        javaWithArchives("25", 0);
        assertThat(run(0, "up"))
                .contains("Building")
                .contains(shared + "-XX:AOTCache=" + archive.resolveSibling("classes-25.jsa"));
        assertThat(archive).as("it was made of older jars").doesNotExist();
    }

    @Test
    void startsWithoutAnArchiveIfNoneCanBeMade() throws Exception {
        javaWithArchives("17.0.15", 1);
        maven("3.9.9");
        assertThat(run(0, "up"))
                .contains("sluice: Starts will not be faster, see " + root.resolve("target/sluice-training.log"))
                .contains("java -XX:+Use");
        assertThat(root.resolve("bridge-http/target/sluice")).isDirectoryNotContaining("glob:**classes-*");
        assertThat(run(0, "up")).startsWith("java -XX:+Use");
    }

    /** The option and the file are of this JVM, which decides what it does with a file that it cannot use. */
    @Test
    void aWrongArchiveIsHarmlessAndNoWordIsSaidOfIt() throws Exception {
        Path home = Path.of(System.getProperty("java.home"));
        program("java", "exec '" + home.resolve("bin/java") + "' \"$@\"");
        Path target = Files.createDirectories(root.resolve("bridge-http/target/sluice"));
        Path jar = target.resolveSibling("sluice-bridge-http-1.jar");
        writeJar(jar);
        Files.createFile(target.resolve("built"));
        Path archive = target.resolve("classes-" + System.getProperty("java.version") + ".jsa");
        String said = run(0, "buffer", "--help");
        assertThat(said).startsWith("sluice buffer inspect");
        for (byte[] wrong : List.of("no archive".getBytes(StandardCharsets.UTF_8), new byte[1 << 16], archiveOf(jar))) {
            Files.write(archive, wrong);
            assertThat(run(0, "buffer", "--help")).isEqualTo(said);
        }
    }

    /** Writes a jar that finds the classes where this test has them. */
    private static void writeJar(Path jar) throws IOException {
        var manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        manifest.getMainAttributes()
                .put(
                        Attributes.Name.CLASS_PATH,
                        Stream.of(classPath.split(File.pathSeparator))
                                .map(entry -> Path.of(entry).toUri().toString())
                                .collect(Collectors.joining(" ")));
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
    }

    /** Returns an archive of this JVM that was made with another jar. */
    private byte[] archiveOf(Path jar) throws Exception {
        Path other = Files.copy(jar, directory.resolve("other.jar"));
        Path archive = directory.resolve("other.jsa");
        var process = new ProcessBuilder(
                        bin.resolve("java").toString(),
                        "-XX:ArchiveClassesAtExit=" + archive,
                        "-cp",
                        other.toString(),
                        "dev.sluice.bridge.Main")
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("other.log").toFile())
                .start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return Files.readAllBytes(archive);
    }

    @Test
    void readsTheVersionOfJavaFromItsFileIfThereIsOne() throws Exception {
        Path home = Files.createDirectories(directory.resolve("jdk/bin")).getParent();
        Path java = Files.writeString(
                home.resolve("bin/java"), "#!/bin/bash\n[ \"$1\" != -version ] || exit 0\necho \"java $*\"\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
        maven("3.9.9");
        Map<String, String> environment = Map.of("JAVA_HOME", home.toString());
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.2\"\n");
        assertThat(run(0, environment, "up")).contains("dev.sluice.bridge.Main up");
        Files.writeString(home.resolve("release"), "JAVA_VERSION=\"11.0.2\"\n");
        assertThat(run(1, environment, "up")).contains("Java 17 or later is needed, " + java + " is 11.0.2");
        Files.writeString(home.resolve("release"), "of something else\n");
        assertThat(run(1, environment, "up")).contains(java + " does not tell its version");
    }

    @Test
    void leavesNothingOfAnOlderVersionOnTheClassPath() throws Exception {
        java("17");
        maven("3.9.9");
        Path target = Files.createDirectories(root.resolve("bridge-http/target"));
        Path library = Files.createDirectories(target.resolve("sluice/lib")).resolve("old-0.9.jar");
        Files.createFile(library);
        Files.createFile(target.resolve("sluice-bridge-http-0.9.jar"));
        assertThat(run(0, "up")).contains("sluice-bridge-http-1.jar").doesNotContain("sluice-bridge-http-0.9.jar");
        assertThat(library).doesNotExist();
    }

    @Test
    void saysThatTheBuildFailed() throws Exception {
        java("17");
        program(
                "mvn",
                "[ \"$1\" = --version ] && echo 'Apache Maven 3.9.1' && exit; echo '[ERROR] no such thing'; exit 1");
        assertThat(run(1, "up"))
                .contains("[ERROR] no such thing")
                .endsWith("sluice: the build failed, see " + root.resolve("target/sluice-build.log") + "\n");
    }
}
