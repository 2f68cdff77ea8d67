package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingRunTest {
    @TempDir
    Path directory;

    @Test
    void usesAServiceWithItsOwnDatabaseAndLeavesOnlyThePrograms() throws Exception {
        var output = new ByteArrayOutputStream();
        Path parent = directory.resolve("target");
        Path programs = directory.resolve("programs");
        TrainingRun.run(parent, programs, new PrintStream(output, true, StandardCharsets.UTF_8));
        assertThat(output.toString(StandardCharsets.UTF_8))
                .contains("Creating a database in " + parent.toRealPath())
                .contains("serves on http://127.0.0.1:")
                .contains("lane        1/0"); // The local log that `buffer inspect` shows.
        assertThat(parent).isEmptyDirectory();
        assertThat(programs).isDirectoryRecursivelyContaining("glob:**/server-*/bin/initdb");
    }

    @Test
    void failsWhereItCannotMakeADirectory() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        assertThatThrownBy(() -> TrainingRun.run(file, directory, System.out)).isInstanceOf(IOException.class);
    }
}
