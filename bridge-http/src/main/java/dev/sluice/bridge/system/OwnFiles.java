package dev.sluice.bridge.system;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The permissions of files that must belong to the service alone. Kubernetes makes everything on a volume writable for
 * a group when {@code fsGroup} is set, at every start. PostgreSQL refuses such a directory, and {@code psql} such a
 * password file.
 */
public final class OwnFiles {
    private static final Logger log = LoggerFactory.getLogger(OwnFiles.class);

    private OwnFiles() {}

    /**
     * Removes permissions of other users. Does nothing if the file is missing or the file system has no permissions.
     *
     * @param most the most permissions that may stay, as {@code rwxr-x---}
     * @param wanted the permissions that are set when there are more
     * @param demand why the permissions matter, as the beginning of the message
     * @throws StartException if the permissions cannot be changed; the message has the command for it
     */
    public static void tighten(Path file, String most, String wanted, String demand) throws StartException {
        tighten(file, most, wanted, demand, Files::setPosixFilePermissions);
    }

    /** Sets permissions; a file system may refuse to, or ignore it. */
    @FunctionalInterface
    interface Change {
        void set(Path file, Set<PosixFilePermission> permissions) throws IOException;
    }

    /** Does the same with another way to change permissions. */
    static void tighten(Path file, String most, String wanted, String demand, Change change)
            throws StartException {
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
            return; // A file system without permissions.
        } catch (IOException e) {
            throw new StartException("the permissions of " + file + " cannot be read: " + FileProblem.of(e), e);
        }
        String why = "the file system keeps " + PosixFilePermissions.toString(before);
        try {
            change.set(file, PosixFilePermissions.fromString(wanted));
            if (fits(Files.getPosixFilePermissions(file), most)) {
                log.info(
                        "Took permissions away from others path={} before={} now={}",
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

    /** Does the same where only privacy is at stake: a failure is a warning with the command. */
    public static void tryToTighten(Path file, String most, String wanted) {
        try {
            tighten(file, most, wanted, "Nobody but Sluice should use it");
        } catch (StartException e) {
            log.warn("Others may use a file of this service path={} error={}", file, e.getMessage());
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
            // A file system without permissions.
        } catch (IOException e) {
            log.warn("The permissions of a file cannot be read path={} error={}", file, FileProblem.of(e));
        }
    }

    /** Keeps the logs in the directory of the buffer for this service alone, if that works. */
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
