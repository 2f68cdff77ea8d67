package dev.sluice.bridge.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Runs {@code sluice bench}. Results go to the standard output, progress and errors to the standard error. Scripts can
 * rely on the exit codes, which are the constants of this class.
 */
public final class BenchCommand {
    /** Exit code: everything was measured, and the guard holds if it was asked. */
    public static final int FINE = 0;

    /** Exit code: something could not be measured, or the guard fails. */
    public static final int FAILED = 1;

    /** Exit code: the command line is invalid; nothing was measured. */
    public static final int WRONG_USAGE = 2;

    /** System property with the script that starts a bridge; without it, a bridge is started from the class path. */
    public static final String LAUNCHER = "sluice.bench.launcher";

    static final String USAGE = """
            sluice bench [OPTIONS]             measures a bridge that it starts, in a temporary directory
            sluice bench --compare A B         compares two files of results; measures nothing
            sluice bench --growth …            measures curves; sluice bench --growth --help lists its options

              --scenario NAME[,NAME…]          measures these only: %s
              --url URL                        measures the bridge that runs there; what cannot be seen is unknown
              --pid PID, --postgres-pid PID    the processes of that bridge and of its database, on this machine
              --database JDBC_URL              the database of that bridge, with user and password
              --config FILE                    settings of the bridge that it starts
              --secs N, --warmup N             seconds that each scenario is measured (10), and before that (5)
              --rounds N                       repeats everything and gives medians (1)
              --rate N | N%%                    open loop: N requests a second, or N%% of the rate of the closed loop
              --payload BYTES                  bytes of a payload (200)
              --dir DIR                        where the temporary directory is made; its disk is measured too
              --json FILE                      writes the results
              --stages                         shows where the bridge's time goes, of push-1 and pop-ack or --scenario
              --guard                          fails if a path costs more than 1.3 times its recorded multiple
              --record                         records the multiples for --guard
              --guard-file FILE                the record (bench/guard.json)
            Exit codes: 0 fine, 1 not measured or the guard fails, 2 wrong usage
            """.formatted(Scenario.names());

    /** If other programs use more than this, the figures are those of a busy machine. */
    private static final double QUIET_CORES = 0.3;

    private final PrintStream out;
    private final PrintStream err;

    private BenchCommand(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    /**
     * Runs the command.
     *
     * @param words the words after {@code bench}
     * @return the exit code
     */
    public static int run(List<String> words, PrintStream out, PrintStream err) {
        if (words.equals(List.of("--help")) || words.equals(List.of("help"))) {
            out.print(USAGE);
            return FINE;
        }
        try {
            String launcher = System.getProperty(LAUNCHER);
            Path script = launcher == null ? null : Path.of(launcher);
            Path home = script == null || script.getParent() == null ? Path.of("") : script.getParent();
            return new BenchCommand(out, err).run(BenchOptions.parse(words, home), script);
        } catch (BenchException e) {
            err.println("sluice: " + e.getMessage());
            return e.isUsage() ? WRONG_USAGE : FAILED;
        } catch (IOException | SQLException e) {
            err.println("sluice: the benchmark failed: " + e.getMessage());
            return FAILED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return FAILED;
        }
    }

    private int run(BenchOptions options, @Nullable Path launcher)
            throws BenchException, IOException, SQLException, InterruptedException {
        Path first = options.first();
        Path second = options.second();
        if (first != null && second != null) {
            out.print(Report.compare(Results.read(first), Results.read(second)));
            return FINE;
        }
        Guard guard = options.guards() ? Guard.read(options.guardFile()) : null;
        Results results = measure(options, launcher);
        out.print(Report.of(results));
        if (options.json() != null) {
            results.write(options.json());
        }
        if (options.records()) {
            Guard.of(results).write(options.guardFile(), results.conditions());
            out.println("recorded in " + options.guardFile());
        }
        if (guard == null) {
            return FINE;
        }
        Guard.Verdict verdict =
                guard.check(results, !options.isSelection() && options.url().isEmpty());
        verdict.lines().forEach(out::println);
        return verdict.isFine() ? FINE : FAILED;
    }

    private Results measure(BenchOptions options, @Nullable Path launcher)
            throws BenchException, IOException, SQLException, InterruptedException {
        OwnBridge.Program program =
                options.url().isPresent() ? null : new OwnBridge.Program(launcher, options.config());
        var rounds = new ArrayList<List<Result>>();
        for (int round = 1; round <= options.rounds(); round++) {
            String run = Long.toString(System.currentTimeMillis(), Character.MAX_RADIX);
            var measured = new BenchRun(options, program, run, line -> err.println("sluice: " + line));
            rounds.add(measured.measure());
        }
        List<Result> medians = Medians.ofRounds(rounds);
        Map<String, String> conditions = conditions(options);
        double others = others(medians);
        conditions.put("cores busy with others", TextTable.number(others, 2));
        if (others > QUIET_CORES) {
            err.println("sluice: other programs used " + TextTable.number(others, 2)
                    + " cores meanwhile; repeat this when the machine is quiet");
        }
        return new Results(conditions, medians);
    }

    /** Returns how many cores other programs used, in the median of the paths; NaN if that is not known. */
    static double others(List<Result> results) {
        return Medians.median(
                results.stream().map(result -> result.get(Figure.CORES_OTHERS)).toList());
    }

    private static Map<String, String> conditions(BenchOptions options) throws IOException {
        var conditions = new LinkedHashMap<String, String>();
        String version = BenchCommand.class.getPackage().getImplementationVersion();
        conditions.put("time", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        conditions.put("sluice", version == null ? "not packaged" : version);
        conditions.put("java", Runtime.version().toString());
        conditions.put("cores", String.valueOf(Runtime.getRuntime().availableProcessors()));
        conditions.put(
                "system",
                System.getProperty("os.name") + " " + System.getProperty("os.version") + " "
                        + System.getProperty("os.arch"));
        conditions.put(
                "disk", Files.getFileStore(options.directory().toAbsolutePath()).type());
        conditions.put("bridge", options.url().map(Object::toString).orElse("its own"));
        conditions.put(
                "seconds",
                seconds(options.time().toMillis()) + " after "
                        + seconds(options.warmup().toMillis()));
        conditions.put("rounds", String.valueOf(options.rounds()));
        conditions.put("payload bytes", String.valueOf(options.payload()));
        return conditions;
    }

    private static String seconds(long millis) {
        return millis / 1000.0 + " s";
    }
}
