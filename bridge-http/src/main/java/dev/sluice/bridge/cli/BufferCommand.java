package dev.sluice.bridge.cli;

import dev.sluice.bridge.ingest.BufferLayout;
import dev.sluice.buffer.DirectoryLockedException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.List;

/**
 * Runs {@code sluice buffer}. The package comment describes its commands. Scripts can rely on the exit codes, which are
 * the constants of this class.
 */
public final class BufferCommand {
    /** Exit code: the command did everything and found no problem. */
    public static final int FINE = 0;

    /** Exit code: the command found something that a person should examine, or did not do everything. */
    public static final int PROBLEM = 1;

    /** Exit code: the command line or the configuration is invalid; the command did nothing. */
    public static final int WRONG_USAGE = 2;

    /** Exit code: the directory does not exist, cannot be read or is in use, or the bridge does not answer. */
    public static final int CANNOT_OPEN = 3;

    /** The help text. */
    static final String USAGE = """
            sluice buffer inspect [--json]                    shows the contents
            sluice buffer verify  [--json]                    reads and verifies everything, changes nothing
            sluice buffer repair  [--json]                    does the same, and repairs what a start would repair
            sluice buffer export  [--all | --failed] [--output FILE] [--json]
                                                              writes undrained messages as JSON, one per line
            sluice buffer requeue FILE | --failed [--url URL] [--json]
                                                              appends such lines, or the failed records, again
            Every command takes --dir DIR, the directory of the log. Without it, --config FILE names the directory.
            Exit codes: 0 fine, 1 a problem was found or something is left to do, 2 wrong usage, 3 cannot open
            """;

    private BufferCommand() {}

    /**
     * Runs a command.
     *
     * @param words the words after {@code buffer}
     * @param loader reads the configuration
     * @return the exit code
     */
    public static int run(
            List<String> words, BufferSettings.Loader loader, InputStream in, PrintStream out, PrintStream err) {
        if (words.equals(List.of("--help")) || words.equals(List.of("help"))) {
            out.print(USAGE);
            return FINE;
        }
        var console = new Console(in, out, err);
        try {
            Arguments arguments = Arguments.parse(words);
            return run(arguments, loader.load(arguments.config(), arguments.directory()), console);
        } catch (UsageException e) {
            e.problems().forEach(console::inform);
            if (words.isEmpty()) {
                err.print(USAGE);
            }
            return WRONG_USAGE;
        } catch (DirectoryLockedException e) {
            console.inform(e.getMessage() + "; stop it first"
                    + (words.contains("requeue") ? ", or name its address with --url" : ""));
            return CANNOT_OPEN;
        } catch (CannotOpenException e) {
            console.inform(String.valueOf(e.getMessage()));
            return CANNOT_OPEN;
        } catch (NoSuchFileException e) {
            console.inform(e.getFile() + " does not exist");
            return CANNOT_OPEN;
        } catch (NotDirectoryException e) {
            console.inform(e.getFile() + " is not a directory");
            return CANNOT_OPEN;
        } catch (AccessDeniedException e) {
            console.inform(e.getFile() + ": this user has no permission to read or write it");
            return CANNOT_OPEN;
        } catch (IOException e) {
            console.inform("failed: " + e.getMessage());
            return PROBLEM;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return PROBLEM;
        }
    }

    private static int run(Arguments arguments, BufferSettings settings, Console console)
            throws IOException, InterruptedException {
        if (arguments.command().equals("requeue")) {
            return new Requeue(arguments, settings, console).run();
        }
        BufferLayout layout = BufferLayout.read(settings.directory());
        if (layout.isEmpty()) {
            throw new CannotOpenException("there is no log in " + settings.directory());
        }
        return switch (arguments.command()) {
            case "inspect" -> new Inspect(layout, console).run(arguments.json());
            case "verify" -> new Check(layout, console).verify(arguments.json());
            case "repair" -> new Check(layout, console).repair(arguments.json());
            case "export" -> new Export(layout, console).run(arguments);
            default -> throw new AssertionError(arguments.command());
        };
    }
}
