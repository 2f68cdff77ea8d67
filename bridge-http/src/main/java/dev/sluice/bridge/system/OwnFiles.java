package dev.sluice.bridge.system;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps other users out of the files of the service. The service sets the mode of everything that it creates, because
 * the process may have any umask. If {@code fsGroup} is set, Kubernetes makes everything on a volume writable for a
 * group at every start. PostgreSQL refuses such a directory, and {@code psql} such a password file.
 */
public final class OwnFiles {
    private static final Logger log = LoggerFactory.getLogger(OwnFiles.class);

    private static final String DIRECTORY = "rwx------";

    private OwnFiles() {}

    /** Creates a directory and its missing parents, for their owner alone. What exists keeps its permissions. */
    public static Path createDirectories(Path directory) throws IOException {
        return Files.createDirectories(directory, attributes(directory, DIRECTORY));
    }

    /** Returns the attribute of a new file with these permissions; none if the file system has no permissions. */
    public static FileAttribute<?>[] attributes(Path file, String permissions) {
        return file.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }

    /**
     * Takes from users outside the group of a directory the right to write to it, if this process may. A mounted volume
     * belongs to another user and keeps its permissions.
     */
    static void closeToTheWorld(Path directory) throws IOException {
        try {
            Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(directory);
            if (permissions.remove(PosixFilePermission.OTHERS_WRITE)) {
                Files.setPosixFilePermissions(directory, permissions);
                log.info("Took the right to write from other users path={}", directory);
            }
        } catch (UnsupportedOperationException e) {
            // The file system has no permissions.
        } catch (FileSystemException e) {
            log.debug("Other users may write to a directory of another owner path={}", directory, e);
        }
    }

    /**
     * Removes permissions of other users. Does nothing if the file is missing or the file system has no permissions.
     *
     * @param most the permissions that may stay, such as {@code rwxr-x---}
     * @param wanted the permissions to set if the file has others
     * @param demand why the permissions matter; begins the message
     * @throws StartException if the permissions cannot be changed; the message has the command that changes them
     */
    public static void tighten(Path file, String most, String wanted, String demand) throws StartException {
        tighten(file, most, wanted, demand, Files::setPosixFilePermissions);
    }

    /** Sets permissions. A file system may refuse or ignore that. */
    @FunctionalInterface
    interface Change {
        void set(Path file, Set<PosixFilePermission> permissions) throws IOException;
    }

    /** Does the same with another way to set permissions. */
    static void tighten(Path file, String most, String wanted, String demand, Change change) throws StartException {
        Set<PosixFilePermission> before;
        try {
            if (!Files.exists(file)) {
                return;
            }
            before = Files.getPosixFilePermissions(file);
            if (fits(before, most)) {
                return;
            }
        } catch (UnsupportedOperationException e) {
            return; // The file system has no permissions.
        } catch (IOException e) {
            throw new StartException("the permissions of " + file + " cannot be read: " + FileProblem.of(e), e);
        }
        String why = "the file system keeps " + PosixFilePermissions.toString(before);
        try {
            change.set(file, PosixFilePermissions.fromString(wanted));
            if (fits(Files.getPosixFilePermissions(file), most)) {
                log.info(
                        "Removed permissions of other users path={} before={} now={}",
                        file,
                        PosixFilePermissions.toString(before),
                        wanted);
                return;
            }
        } catch (IOException e) {
            why = FileProblem.of(e);
        }
        throw new StartException(demand + "; " + file + " has the permissions " + PosixFilePermissions.toString(before)
                + ", and they cannot be changed: " + why + "; as the owner of the file run: chmod " + octal(wanted)
                + " "
                + Shell.quoted(file.toString()));
    }

    /** Removes permissions of other users; on failure logs a warning with the command that does. */
    public static void tryToTighten(Path file, String most, String wanted) {
        try {
            tighten(file, most, wanted, "No other user should have access");
        } catch (StartException e) {
            log.warn("Other users may have access to a file of this service path={} error={}", file, e.getMessage());
        }
    }

    /** Removes the write permission of other users where possible. */
    public static void tryToWriteAlone(Path file) {
        try {
            var permissions = EnumSet.noneOf(PosixFilePermission.class);
            permissions.addAll(Files.getPosixFilePermissions(file));
            permissions.removeAll(Set.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE));
            String wanted = PosixFilePermissions.toString(permissions);
            tryToTighten(file, wanted, wanted);
        } catch (UnsupportedOperationException e) {
            // The file system has no permissions.
        } catch (IOException e) {
            log.warn("The permissions of a file cannot be read path={} error={}", file, FileProblem.of(e));
        }
    }

    /** Removes permissions of other users for the logs in the directory of the buffer where possible. */
    public static void tryToKeepLogs(Path buffer) {
        try (DirectoryStream<Path> directories = Files.newDirectoryStream(buffer, "{generation-*,failed}")) {
            directories.forEach(directory -> tryToTighten(directory, "rwx------", "rwx------"));
        } catch (IOException e) {
            log.warn("A directory cannot be read path={} error={}", buffer, FileProblem.of(e));
        }
    }

    private static boolean fits(Set<PosixFilePermission> permissions, String most) {
        return PosixFilePermissions.fromString(most).containsAll(permissions);
    }

    private static String octal(String permissions) {
        int bits = 0;
        for (int i = 0; i < permissions.length(); i++) {
            bits = bits << 1 | (permissions.charAt(i) == '-' ? 0 : 1);
        }
        return "0" + Integer.toOctalString(bits);
    }
}
