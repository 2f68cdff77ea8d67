package dev.sluice.bridge.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A directory of programs that a build has unpacked saves a start the time for it, and is never needed. */
class PostgresBinariesTest {
    @TempDir
    Path directory;

    private final List<String> progress = new ArrayList<>();
    private Path built;

    @BeforeEach
    void build() throws Exception {
        built = unpack("build");
        System.setProperty(PostgresBinaries.UNPACKED, built.getParent().toString());
    }

    @AfterEach
    void forget() {
        System.clearProperty(PostgresBinaries.UNPACKED);
    }

    private Path unpack(String name) throws Exception {
        return PostgresBinaries.unpack(Files.createDirectories(directory.resolve(name)), () -> progress.add(name));
    }

    @Test
    void areCopiedFromTheBuildWithTheirPermissionsAndLinks() throws Exception {
        Files.writeString(built.resolve("bin/made-by-the-test"), "x");
        Files.createSymbolicLink(built.resolve("link"), Path.of("bin/initdb"));
        Path copy = unpack("data");
        assertThat(copy.resolve("bin/made-by-the-test")).hasContent("x");
        assertThat(Files.readSymbolicLink(copy.resolve("link"))).isEqualTo(Path.of("bin/initdb"));
        assertThat(Files.getPosixFilePermissions(copy.resolve("bin/initdb")))
                .isEqualTo(PosixFilePermissions.fromString("rwx------"));
        assertThat(progress).containsExactly("build", "data");
        assertThat(unpack("data")).isEqualTo(copy);
        assertThat(progress).containsExactly("build", "data");
    }

    @Test
    void areUnpackedIfTheBuildHasThoseOfAnotherArchive() throws Exception {
        Files.move(built, built.resolveSibling("server-of-another-version"));
        assertThat(unpack("data").resolve("bin/initdb")).isExecutable();
    }

    /** The path of the copy becomes longer than the system allows, and those of the archive stay just below. */
    @Test
    void areUnpackedIfTheCopyFails() throws Exception {
        int longestPath = System.getProperty("os.name").startsWith("Mac") ? 1024 : 4096;
        String part = "x".repeat(200);
        Files.createFile(
                Files.createDirectories(built.resolve(part).resolve(part)).resolve(part));
        Path data = directory.resolve("data");
        while (data.toString().length() < longestPath - 2 * part.length()) {
            data = data.resolve("x".repeat(100));
        }
        Path programs = PostgresBinaries.unpack(Files.createDirectories(data), () -> progress.add("data"));
        assertThat(programs.resolve("bin/initdb")).isExecutable();
        assertThat(programs.resolve(part)).doesNotExist();
        assertThat(data).isDirectoryNotContaining("glob:**.tmp");
    }
}
