package dev.sluice.bridge.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OwnFilesTest {
    @TempDir
    Path directory;

    private String permissions(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private Path file(String permissions) throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "x");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
    }

    @Test
    void loseWhatOthersMayDoAndKeepWhatIsAllowed() throws Exception {
        for (String good : new String[] {"rwx------", "rwxr-x---", "r--------"}) {
            Path file = file(good);
            OwnFiles.tighten(file, "rwxr-x---", "rwx------", "PostgreSQL");
            assertThat(permissions(file)).isEqualTo(good);
        }
        for (String bad : new String[] {"rwxrwx---", "rwxr-xr-x", "rwx--x--x", "rwxrwxrwx"}) {
            Path file = file(bad);
            OwnFiles.tighten(file, "rwxr-x---", "rwx------", "PostgreSQL");
            assertThat(permissions(file)).isEqualTo("rwx------");
        }
        Path shared = file("rwxrwxrw-");
        OwnFiles.tryToWriteAlone(shared);
        assertThat(permissions(shared)).isEqualTo("rwxr-xr--");
        Path log =
                Files.createDirectories(directory.resolve("log/generation-1")).getParent();
        Path foreign = Files.createDirectory(log.resolve("foreign"));
        Files.setPosixFilePermissions(foreign, PosixFilePermissions.fromString("rwxr-x--x"));
        OwnFiles.tryToKeepLogs(log);
        assertThat(permissions(log.resolve("generation-1"))).isEqualTo("rwx------");
        assertThat(permissions(log.resolve("foreign"))).isEqualTo("rwxr-x--x");
        OwnFiles.tighten(directory.resolve("missing"), "rwx------", "rwx------", "nobody");
    }

    @Test
    void thatCannotBeChangedAreNamedWithTheCommandThatChangesThem() throws Exception {
        Path file = file("rwxrwx---");
        OwnFiles.Change refused = (path, permissions) -> {
            throw new FileSystemException(path.toString(), null, "Operation not permitted");
        };
        assertThatThrownBy(() -> OwnFiles.tighten(file, "rwxr-x---", "rwx------", "PostgreSQL", refused))
                .isInstanceOf(StartException.class)
                .hasMessage("PostgreSQL; " + file + " has the permissions rwxrwx---, and they cannot be changed: "
                        + file + ": Operation not permitted; as the owner of the file run: chmod 0700 " + file);
        OwnFiles.Change ignored = (path, permissions) -> {};
        assertThatThrownBy(() -> OwnFiles.tighten(file, "rwxr-x---", "rwx------", "PostgreSQL", ignored))
                .isInstanceOf(StartException.class)
                .hasMessageContaining("cannot be changed: the file system keeps rwxrwx---; as the owner");
    }

    @Test
    void haveTheReasonWhyTheyCannotBeUsedInWords() {
        assertThat(FileProblem.of(new NoSuchFileException("/a"))).isEqualTo("/a does not exist");
        assertThat(FileProblem.of(new AccessDeniedException("/a")))
                .isEqualTo("the user " + System.getProperty("user.name") + " has no permission for /a");
        assertThat(FileProblem.of(new FileSystemException("/a", null, "Read-only file system")))
                .isEqualTo("/a: Read-only file system");
        assertThat(FileProblem.of(new FileSystemException("/a", null, "No space left on device")))
                .isEqualTo("/a: No space left on device");
        assertThat(FileProblem.of(new IOException("No space left on device"))).isEqualTo("No space left on device");
    }

    @Test
    void areQuotedInCommandsWhereTheirNamesNeedIt() {
        assertThat(Shell.quoted("/a/b-c_d.e%2")).isEqualTo("/a/b-c_d.e%2");
        assertThat(Shell.quoted("/a b/it's")).isEqualTo("'/a b/it'\\''s'");
        assertThat(Shell.quoted("http://[::1]:80/")).isEqualTo("'http://[::1]:80/'");
    }
}
