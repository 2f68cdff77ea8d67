package dev.sluice.bridge.cli;

import java.net.URI;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The parsed words after {@code sluice buffer}: a command, a file and options. */
final class Arguments {
    private static final Set<String> COMMON = Set.of("--dir", "--config", "--json");
    private static final Map<String, Set<String>> OPTIONS = Map.of(
            "inspect", Set.of(),
            "verify", Set.of(),
            "repair", Set.of(),
            "export", Set.of("--all", "--failed", "--output"),
            "requeue", Set.of("--failed", "--url"));

    private final String command;
    private @Nullable Path config;
    private @Nullable Path directory;
    private @Nullable Path output;
    private @Nullable URI url;
    private @Nullable String file;
    private boolean json;
    private boolean all;
    private boolean failed;

    private Arguments(String command) {
        this.command = command;
    }

    /**
     * Parses the words.
     *
     * @throws UsageException if they are not a command with its options
     */
    static Arguments parse(List<String> words) throws UsageException {
        Queue<String> rest = new ArrayDeque<>(words);
        String command = rest.poll();
        if (command == null || !OPTIONS.containsKey(command)) {
            throw new UsageException("the command must be one of: inspect, verify, repair, export, requeue"
                    + (command == null ? "" : "; was " + command));
        }
        var arguments = new Arguments(command);
        while (!rest.isEmpty()) {
            arguments.take(rest.remove(), rest);
        }
        arguments.check();
        return arguments;
    }

    private void take(String word, Queue<String> rest) throws UsageException {
        if (!word.startsWith("--")) {
            if (!command.equals("requeue") || file != null) {
                throw new UsageException(command + " does not take " + word);
            }
            file = checked(command, word).toString();
            return;
        }
        if (!COMMON.contains(word) && !OPTIONS.getOrDefault(command, Set.of()).contains(word)) {
            throw new UsageException(command + " has no option " + word);
        }
        switch (word) {
            case "--json" -> json = true;
            case "--all" -> all = true;
            case "--failed" -> failed = true;
            case "--dir" -> directory = path(word, rest);
            case "--config" -> config = path(word, rest);
            case "--output" -> output = path(word, rest);
            case "--url" -> url = address(word, rest);
            default -> throw new AssertionError(word);
        }
    }

    private static String value(String option, Queue<String> rest) throws UsageException {
        String value = rest.poll();
        if (value == null || value.isEmpty()) {
            throw new UsageException(option + " needs a value");
        }
        return value;
    }

    private static Path path(String option, Queue<String> rest) throws UsageException {
        return checked(option, value(option, rest));
    }

    private static Path checked(String word, String path) throws UsageException {
        try {
            return Path.of(path);
        } catch (InvalidPathException e) {
            throw new UsageException(word + ": the path holds characters that are not valid in this locale ("
                    + System.getProperty("sun.jnu.encoding") + "); start with LC_ALL=C.UTF-8");
        }
    }

    private static URI address(String option, Queue<String> rest) throws UsageException {
        String value = value(option, rest).replaceFirst("/+$", "");
        try {
            URI address = URI.create(value);
            if (address.getHost() != null && Set.of("http", "https").contains(address.getScheme())) {
                return address;
            }
        } catch (IllegalArgumentException e) {
            // Reported below.
        }
        throw new UsageException(option + " must be an address such as http://127.0.0.1:6632, was " + value);
    }

    private void check() throws UsageException {
        if (command.equals("export") && all && failed) {
            throw new UsageException("export takes --all or --failed, not both");
        }
        if (command.equals("requeue") && failed == (file != null)) {
            throw new UsageException("requeue takes either a file (- is the standard input) or --failed");
        }
    }

    String command() {
        return command;
    }

    @Nullable
    Path config() {
        return config;
    }

    @Nullable
    Path directory() {
        return directory;
    }

    /** Returns the file to export to; null means the standard output. */
    @Nullable
    Path output() {
        return output;
    }

    /** Returns the bridge to requeue to; null means the directory. */
    @Nullable
    URI url() {
        return url;
    }

    /** Returns the file to requeue; {@code -} is the standard input; empty with {@code --failed}. */
    String file() {
        return file == null ? "" : file;
    }

    boolean json() {
        return json;
    }

    boolean all() {
        return all;
    }

    boolean failed() {
        return failed;
    }
}
