package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.FileTree;
import dev.sluice.bridge.system.OwnFiles;
import dev.sluice.bridge.system.StartException;
import dev.sluice.buffer.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Creates the password and the data of an embedded server, each once, and checks that the data is of its version. */
final class InitDb {
    private static final int PASSWORD_BYTES = 24;
    private static final String OWNER_ONLY = "rw-------";

    /** As in {@code postgres (PostgreSQL) 18.4}. */
    private static final Pattern MAJOR_VERSION = Pattern.compile("\\) (\\d+)");

    private InitDb() {}

    /**
     * Returns the password of the server. Creates a random one if there is none.
     *
     * @param file in the format of {@code PGPASSFILE}
     */
    static String password(Path file) throws IOException {
        if (!Files.exists(file)) {
            byte[] random = new byte[PASSWORD_BYTES];
            new SecureRandom().nextBytes(random);
            String line = LocalPostgres.HOST + ":*:*:" + LocalPostgres.USER + ":"
                    + HexFormat.of().formatHex(random) + "\n";
            AtomicFile.replace(file, line.getBytes(StandardCharsets.US_ASCII));
        }
        OwnFiles.tryToTighten(file, OWNER_ONLY, OWNER_ONLY);
        String line = Files.readString(file).strip();
        return line.substring(line.lastIndexOf(':') + 1);
    }

    /**
     * Creates the data of a server.
     *
     * @param cluster where to create it; exists only if the data is complete
     * @param password of the superuser
     * @param settings name of a file in {@code cluster} that the server reads if it exists
     */
    static void create(Path cluster, PostgresPrograms programs, String password, String settings)
            throws StartException, IOException {
        Path unfinished = cluster.resolveSibling(cluster.getFileName() + ".tmp");
        FileTree.delete(unfinished);
        Path passwordFile = cluster.resolveSibling("initdb.password");
        AtomicFile.replace(passwordFile, password.getBytes(StandardCharsets.US_ASCII));
        try {
            programs.run(
                    "initdb",
                    "--pgdata=" + unfinished,
                    "--username=" + LocalPostgres.USER,
                    "--auth=scram-sha-256",
                    "--pwfile=" + passwordFile,
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--no-instructions");
        } finally {
            Files.delete(passwordFile);
        }
        Path configuration = unfinished.resolve("postgresql.conf");
        Files.writeString(
                configuration, Files.readString(configuration) + "\ninclude_if_exists = '" + settings + "'\n");
        Files.move(unfinished, cluster, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Fails if the data is of another major version than the programs. */
    static void refuseOtherVersion(Path cluster, PostgresPrograms programs) throws StartException, IOException {
        String data = Files.readString(cluster.resolve("PG_VERSION")).strip();
        String reported = programs.run("postgres", "--version");
        Matcher version = MAJOR_VERSION.matcher(reported);
        String program = version.find() ? version.group(1) : reported.strip();
        if (!program.equals(data)) {
            throw new StartException("the data in " + cluster + " is of PostgreSQL " + data + ", this program brings "
                    + program + "; move the data with pg_upgrade or pg_dump, or set another data.dir");
        }
    }
}
