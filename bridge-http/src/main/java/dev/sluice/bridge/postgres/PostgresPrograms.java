package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.StartException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Runs the programs of PostgreSQL, such as {@code initdb} and {@code pg_ctl}. PostgreSQL refuses to run as root. So if
 * the service runs as root, the programs run in a user namespace without privileges ({@code unshare --user}).
 *
 * <p>Of the environment the programs get only {@link #KEPT}. The settings and secrets of the service are in the rest of
 * it, and so may be {@code PG…} variables, which the programs would obey.
 */
final class PostgresPrograms {
    private static final int LONGEST_RUN_SECONDS = 120;
    /** Variables that the programs get, besides those whose name begins with {@code LC_}. */
    private static final Set<String> KEPT =
            Set.of("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH");

    private static final File NOTHING = new File("/dev/null");

    private final Path programs;
    private final Path scratch;

    /**
     * Takes the directories.
     *
     * @param programs holds the programs
     * @param scratch gets the output of each program while it runs
     */
    PostgresPrograms(Path programs, Path scratch) {
        this.programs = programs;
        this.scratch = scratch;
    }

    /**
     * Runs a program to its end.
     *
     * @return its output
     * @throws StartException if it fails, does not end in time, or this thread is interrupted
     */
    String run(String program, String... arguments) throws StartException, IOException {
        // The output goes to a file, because a server that pg_ctl starts keeps a pipe open for ever.
        Path output = Files.createTempFile(scratch, program, ".out");
        try {
            var builder = new ProcessBuilder(command(program, arguments))
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .redirectInput(NOTHING);
            builder.environment().keySet().removeIf(name -> !KEPT.contains(name) && !name.startsWith("LC_"));
            Process process = builder.start();
            if (!process.waitFor(LONGEST_RUN_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new StartException(program + " did not end within " + LONGEST_RUN_SECONDS + " s");
            }
            String text = Files.readString(output);
            if (process.exitValue() != 0) {
                throw new StartException(failure(program, text));
            }
            return text;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new StartException(program + " was interrupted");
        } finally {
            Files.deleteIfExists(output);
        }
    }

    private List<String> command(String program, String... arguments) {
        var command = new ArrayList<String>();
        if (isRoot()) {
            command.addAll(List.of("unshare", "--user"));
        }
        command.add(programs.resolve(program).toString());
        command.addAll(List.of(arguments));
        return command;
    }

    private static String failure(String program, String output) {
        String hint = isRoot() && output.contains("unshare")
                ? "; PostgreSQL does not run as root, run ./sluice as another user or set connection.url"
                : "";
        return program + " failed: " + output.strip().replaceAll("\\s*\\R\\s*", " ") + hint;
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }
}
