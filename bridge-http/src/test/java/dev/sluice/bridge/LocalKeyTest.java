package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.system.StartException;
import dev.sluice.queue.PayloadCipher;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalKeyTest {
    @TempDir
    private Path directory;

    @Test
    void isMadeOnceForItsOwnerOnly() throws Exception {
        String key = LocalKey.in(directory);
        assertThat(LocalKey.in(directory)).isEqualTo(key);
        assertThat(PayloadCipher.of(key, null).hasKey()).isTrue();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve(LocalKey.FILE))))
                .isEqualTo("rw-------");
    }

    @Test
    void isAnotherInEachDirectory(@TempDir Path other) throws Exception {
        assertThat(LocalKey.in(directory)).isNotEqualTo(LocalKey.in(other));
    }

    @Test
    void isMadeAlthoughACrashLeftHalfOfOne() throws Exception {
        Files.writeString(directory.resolve(LocalKey.FILE + ".new"), "local:12");
        assertThat(LocalKey.in(directory)).matches("local-[0-9a-f]{8}:[0-9a-f]{64}");
    }

    @Test
    void isNeverReplacedWhenItIsDamaged() throws Exception {
        Path file = directory.resolve(LocalKey.FILE);
        LocalKey.in(directory);
        Files.writeString(file, "local:12");
        assertThatThrownBy(() -> LocalKey.in(directory))
                .isInstanceOf(StartException.class)
                .hasMessageContaining(file.toString());
        assertThat(file).hasContent("local:12");
    }

    @Test
    void isTakenFromOthersWhoMayReadIt() throws Exception {
        String key = LocalKey.in(directory);
        Path file = directory.resolve(LocalKey.FILE);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw----"));
        assertThat(LocalKey.in(directory)).isEqualTo(key);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }

    @Test
    void isReadBehindAByteOrderMark() throws Exception {
        String key = LocalKey.in(directory);
        Files.writeString(directory.resolve(LocalKey.FILE), "\uFEFF" + key + "\r\n");
        assertThat(LocalKey.in(directory)).isEqualTo(key);
    }
}
