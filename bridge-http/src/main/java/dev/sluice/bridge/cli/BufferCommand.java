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
 * The command {@code buffer}, one of its forms at a time. The package comment says what they do.
 *
 * <p>Exit codes, for scripts: {@value #FINE} all is well and all was done; {@value #PROBLEM} something was found that a
 * person should look at, or not everything was done; {@value #WRONG_USAGE} the words or the configuration are not
 * valid, nothing was done; {@value #CANNOT_OPEN} there is no such directory, it may not be read, it is in use, or the
 * bridge does not answer.
 */
public final class BufferCommand {
    /** All is well and all was done. */
    public static final int FINE = 0;

    /** Something was found that a person should look at, or not everything was done. */
    public static final int PROBLEM = 1;

    /** The words or the configuration are not valid; nothing was done. */
    public static final int WRONG_USAGE = 2;

    /** There is no such directory, it may not be read, it is in use, or the bridge does not answer. */
    public static final int CANNOT_OPEN = 3;

    /** What the commands take. */
    static final String USAGE = """
            sluice buffer inspect [--json]                    shows what is there
            sluice buffer verify  [--json]                    reads and checks everything, changes nothing
            sluice buffer repair  [--json]                    the same, and mends as a start would
            sluice buffer export  [--all | --failed] [--output FILE] [--json]
                                                              writes messages not yet moved on, one a line, as JSON
            sluice buffer requeue FILE | --failed [--url URL] [--json]
                                                              puts such lines, or the failed records, into the log again
            All take --dir DIR, the directory of the log, and --config FILE, where it is looked up otherwise.
            Exit codes: 0 fine, 1 a problem was found or something is left to do, 2 wrong usage, 3 cannot open
            """;

    private BufferCommand() {}

    /**
     * Runs a command.
     *
     * @param words those after {@code buffer}
     * @return the exit code
     */
    public static int run(
            List<String> words, BufferSettings.Source source, InputStream in, PrintStream out, PrintStream err) {
        if (words.equals(List.of("--help")) || words.equals(List.of("help"))) {
            out.print(USAGE);
            return FINE;
        }
        var console = new Console(in, out, err);
        try {
            Arguments arguments = Arguments.parse(words);
            return run(arguments, source.read(arguments.config(), arguments.directory()), console);
        } catch (UsageException e) {
            e.problems().forEach(console::say);
            if (words.isEmpty()) {
                err.print(USAGE);
            }
            return WRONG_USAGE;
        } catch (DirectoryLockedException e) {
            console.say(e.getMessage() + "; stop it first"
                    + (words.contains("requeue") ? ", or name its address with --url" : ""));
            return CANNOT_OPEN;
        } catch (CannotOpenException e) {
            console.say(String.valueOf(e.getMessage()));
            return CANNOT_OPEN;
        } catch (NoSuchFileException e) {
            console.say(e.getFile() + ": there is no such file or directory");
            return CANNOT_OPEN;
        } catch (NotDirectoryException e) {
            console.say(e.getFile() + " is not a directory");
            return CANNOT_OPEN;
        } catch (AccessDeniedException e) {
            console.say(e.getFile() + " may not be read or written by this user");
            return CANNOT_OPEN;
        } catch (IOException e) {
            console.say("it failed: " + e.getMessage());
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
