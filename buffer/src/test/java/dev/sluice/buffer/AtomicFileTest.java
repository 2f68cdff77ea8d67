package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
    @TempDir
    Path directory;

    @Test
    void hasTheNewContentsAndLeavesNoOtherFile() throws IOException {
        Path file = directory.resolve("file");
        AtomicFile.replace(file, "old and long".getBytes(UTF_8));
        assertThat(file).hasContent("old and long");
        AtomicFile.replace(file, "new".getBytes(UTF_8));
        assertThat(file).hasContent("new");
        try (var files = Files.list(directory)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void keepsTheOldContentsWhenWritingFails() throws IOException {
        Path file = directory.resolve("file");
        AtomicFile.replace(file, "old".getBytes(UTF_8));
        assertThatThrownBy(() -> AtomicFile.replace(file, out -> {
                    out.write(1);
                    throw new IOException("the source failed");
                }))
                .hasMessage("the source failed");
        assertThat(file).hasContent("old");
        AtomicFile.replace(file, "new".getBytes(UTF_8));
        assertThat(file).as("replaced although an unfinished file was left").hasContent("new");
    }

    @Test
    void holdsContentsLargerThanItsBufferInOrder() throws IOException {
        Path file = directory.resolve("file");
        AtomicFile.replace(file, out -> {
            for (int i = 0; i < 1 << 18; i++) {
                out.write(i);
            }
            out.write(new byte[1 << 17]);
            out.write('x');
        });
        byte[] bytes = Files.readAllBytes(file);
        assertThat(bytes).hasSize((1 << 18) + (1 << 17) + 1).endsWith((byte) 'x');
        assertThat(bytes[(1 << 17) + 7]).isEqualTo((byte) 7);
    }

    @Test
    void belongsToItsOwnerAlone() throws IOException {
        Path file = directory.resolve("file");
        AtomicFile.replace(file, new byte[0]);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }
}
