package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.BenchCommand;
import dev.sluice.bridge.bench.BenchException;
import dev.sluice.bridge.bench.OwnBridge;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs {@code sluice bench --growth}. Tables go to the standard output, progress and errors to the standard error. The
 * exit codes are those of {@link BenchCommand}.
 */
public final class GrowthCommand {
    /** The option that chooses this command instead of {@link BenchCommand}. */
    public static final String OPTION = "--growth";

    static final String USAGE = """
            sluice bench --growth KIND[,KIND…] [OPTIONS]   measures curves on bridges that it starts

              KIND is one of %s
              --at N[,N…]                      the points of one curve; for soak, how many minutes
                                               (%s)
              --secs N, --warmup N             seconds that a load is measured (6), and before that (3)
              --rate N                         soak: pushes of ten messages a second (1000)
              --every N                        soak: seconds between two samples (5)
              --config FILE                    settings of the bridge
              --dir DIR                        where the temporary directory is made; its disk is measured too
              --json FILE                      writes the results
              --pictures DIR                   writes the curves as SVG
              --from FILE[,FILE…]              takes results of earlier runs, and measures nothing
            Exit codes: 0 fine, 1 not measured, 2 wrong usage
            """.formatted(Growth.words(), defaults());

    private GrowthCommand() {}

    private static String defaults() {
        var text = new StringBuilder();
        for (Growth growth : Growth.values()) {
            text.append(text.isEmpty() ? "" : "; ").append(growth.word());
            for (long at : growth.defaults()) {
                text.append(' ').append(at);
            }
        }
        return text.toString();
    }

    /**
     * Runs the command.
     *
     * @param words the words after {@code bench}
     * @return the exit code
     */
    public static int run(List<String> words, PrintStream out, PrintStream err) {
        if (words.contains("--help")) {
            out.print(USAGE);
            return BenchCommand.FINE;
        }
        try {
            GrowthOptions options = GrowthOptions.parse(words);
            if (options.from().isEmpty()) {
                measure(options, out, err);
            } else {
                write(GrowthFile.read(options.from(), options.growths()), options, out);
            }
            return BenchCommand.FINE;
        } catch (BenchException e) {
            err.println("sluice: " + e.getMessage());
            return e.isUsage() ? BenchCommand.WRONG_USAGE : BenchCommand.FAILED;
        } catch (IOException | SQLException e) {
            err.println("sluice: the benchmark failed: " + e.getMessage());
            return BenchCommand.FAILED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return BenchCommand.FAILED;
        }
    }

    private static void measure(GrowthOptions options, PrintStream out, PrintStream err)
            throws IOException, SQLException, InterruptedException, BenchException {
        String launcher = System.getProperty(BenchCommand.LAUNCHER);
        var program = new OwnBridge.Program(launcher == null ? null : Path.of(launcher), options.config());
        var run = new GrowthRun(program, options, line -> err.println("sluice: " + line));
        try {
            for (Growth growth : options.growths()) {
                run.measure(growth);
            }
        } finally {
            if (!run.points().isEmpty() || !run.samples().isEmpty()) {
                write(new GrowthFile(conditions(options), run.points(), run.samples()), options, out);
            }
        }
    }

    private static void write(GrowthFile file, GrowthOptions options, PrintStream out) throws IOException {
        out.print(GrowthReport.of(file));
        Path json = options.json();
        if (json != null) {
            file.write(json);
        }
        Path pictures = options.pictures();
        if (pictures != null) {
            GrowthPictures.write(file, pictures);
        }
    }

    private static Map<String, String> conditions(GrowthOptions options) throws IOException {
        var conditions = new LinkedHashMap<String, String>();
        conditions.put("time", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        conditions.put("java", Runtime.version().toString());
        conditions.put("cores", String.valueOf(Runtime.getRuntime().availableProcessors()));
        conditions.put(
                "disk", Files.getFileStore(options.directory().toAbsolutePath()).type());
        conditions.put(
                "seconds",
                options.time().toMillis() / 1000.0 + " s after "
                        + options.warmup().toMillis() / 1000.0 + " s");
        return conditions;
    }
}
