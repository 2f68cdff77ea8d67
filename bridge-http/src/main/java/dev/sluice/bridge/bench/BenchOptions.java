package dev.sluice.bridge.bench;

import java.net.URI;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The parsed words after {@code sluice bench}. */
public final class BenchOptions {
    private static final double MAX_SECONDS = 3600;
    private static final int MAX_ROUNDS = 100;
    private static final int MIN_PAYLOAD = 100;
    private static final int MAX_PAYLOAD = 1 << 20;
    private static final double PERCENT = 100;
    private static final double NANOS_A_SECOND = 1e9;

    private Set<Scenario> scenarios = EnumSet.allOf(Scenario.class);
    private boolean isSelection;
    private @Nullable URI url;
    private long pid;
    private long postgresPid;
    private @Nullable String database;
    private @Nullable Path config;
    private double secs = 10;
    private double warmup = 5;
    private int rounds = 1;
    private int payload = 200;
    private double rate;
    private double rateShare;
    private Path directory = Path.of(System.getProperty("java.io.tmpdir", "."));
    private @Nullable Path json;
    private @Nullable Path first;
    private @Nullable Path second;
    private boolean guards;
    private boolean records;
    private boolean stages;
    private Path guardFile;

    private BenchOptions(Path home) {
        guardFile = home.resolve("bench").resolve("guard.json");
    }

    /**
     * Parses the words.
     *
     * @param home the directory that has {@code bench/guard.json}
     * @throws BenchException if they are no valid command line; says why
     */
    static BenchOptions parse(List<String> words, Path home) throws BenchException {
        var options = new BenchOptions(home);
        var rest = new ArrayDeque<String>(words);
        while (!rest.isEmpty()) {
            options.take(rest.remove(), rest);
        }
        options.check();
        return options;
    }

    private void take(String word, Queue<String> rest) throws BenchException {
        switch (word) {
            case "--scenario" -> select(value(word, rest));
            case "--url" -> url = address(word, value(word, rest));
            case "--pid" -> pid = (long) number(word, value(word, rest), 1, Integer.MAX_VALUE);
            case "--postgres-pid" -> postgresPid = (long) number(word, value(word, rest), 1, Integer.MAX_VALUE);
            case "--database" -> database = value(word, rest);
            case "--config" -> config = path(word, value(word, rest));
            case "--secs" -> secs = number(word, value(word, rest), 0.1, MAX_SECONDS);
            case "--warmup" -> warmup = number(word, value(word, rest), 0.1, MAX_SECONDS);
            case "--rounds" -> rounds = (int) number(word, value(word, rest), 1, MAX_ROUNDS);
            case "--payload" -> payload = (int) number(word, value(word, rest), MIN_PAYLOAD, MAX_PAYLOAD);
            case "--rate" -> rate(word, value(word, rest));
            case "--dir" -> directory = path(word, value(word, rest));
            case "--json" -> json = path(word, value(word, rest));
            case "--compare" -> {
                first = path(word, value(word, rest));
                second = path(word, value(word, rest));
            }
            case "--stages" -> stages = true;
            case "--guard" -> guards = true;
            case "--record" -> records = true;
            case "--guard-file" -> guardFile = path(word, value(word, rest));
            default -> throw BenchException.usage("bench has no option " + word);
        }
    }

    public static String value(String option, Queue<String> rest) throws BenchException {
        String value = rest.poll();
        if (value == null || value.isEmpty()) {
            throw BenchException.usage(option + (option.equals("--compare") ? " needs two files" : " needs a value"));
        }
        return value;
    }

    private void select(String names) throws BenchException {
        if (!isSelection) {
            scenarios = EnumSet.noneOf(Scenario.class);
            isSelection = true;
        }
        for (String name : names.split(",", -1)) {
            scenarios.add(Scenario.of(name)
                    .orElseThrow(() ->
                            BenchException.usage("there is no scenario " + name + "; there are: " + Scenario.names())));
        }
    }

    public static double number(String option, String value, double least, double most) throws BenchException {
        try {
            double number = Double.parseDouble(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Reported below.
        }
        throw BenchException.usage(
                option + " must be a number from " + text(least) + " to " + text(most) + ", was " + value);
    }

    private static String text(double number) {
        return number == Math.rint(number) ? String.valueOf((long) number) : String.valueOf(number);
    }

    private void rate(String option, String value) throws BenchException {
        if (value.endsWith("%")) {
            rateShare = number(option, value.substring(0, value.length() - 1), 1, PERCENT) / PERCENT;
        } else {
            rate = number(option, value, 1, 10_000_000);
        }
    }

    public static Path path(String option, String value) throws BenchException {
        try {
            return Path.of(value);
        } catch (InvalidPathException e) {
            throw BenchException.usage(option + " must be a path: " + e.getReason());
        }
    }

    private static URI address(String option, String value) throws BenchException {
        try {
            URI address = URI.create(value.replaceFirst("/+$", ""));
            boolean isPlain = address.getHost() != null && "http".equals(address.getScheme());
            if (isPlain && address.getRawPath().isEmpty()) {
                return address;
            }
        } catch (IllegalArgumentException e) {
            // Reported below.
        }
        throw BenchException.usage(
                option + " must be an address such as http://127.0.0.1:6632 (no https, no path), was " + value);
    }

    private void check() throws BenchException {
        if (url == null && (pid != 0 || postgresPid != 0 || database != null)) {
            throw BenchException.usage("--pid, --postgres-pid and --database belong to --url");
        }
        if (url != null && config != null) {
            throw BenchException.usage("--config is for a bridge that the benchmark starts; leave out --url");
        }
        if (guards && records) {
            throw BenchException.usage("take --guard or --record, not both");
        }
        if (stages && url != null) {
            throw BenchException.usage("--stages records a bridge that the benchmark starts; leave out --url");
        }
        if (stages && (guards || records)) {
            throw BenchException.usage("--stages costs time that --guard and --record would count; leave one out");
        }
        if (stages && !isSelection) {
            scenarios = EnumSet.of(Scenario.PUSH_1, Scenario.POP_ACK);
        }
        if (url != null && isSelection) {
            for (Scenario scenario : scenarios) {
                if (scenario.needsOwnBridge()) {
                    throw BenchException.usage("the scenario " + scenario.path() + " starts a bridge; leave out --url");
                }
            }
        }
        if (url != null) {
            scenarios.removeIf(Scenario::needsOwnBridge);
        }
    }

    Set<Scenario> scenarios() {
        return scenarios;
    }

    /** Returns whether the user chose the scenarios. */
    boolean isSelection() {
        return isSelection;
    }

    /** Returns the bridge to measure; empty means that the benchmark starts one. */
    Optional<URI> url() {
        return Optional.ofNullable(url);
    }

    /** Returns the process of the bridge at {@link #url}; 0 if it is not known. */
    long pid() {
        return pid;
    }

    /** Returns the first process of the database of the bridge at {@link #url}; 0 if it is not known. */
    long postgresPid() {
        return postgresPid;
    }

    @Nullable
    String database() {
        return database;
    }

    @Nullable
    Path config() {
        return config;
    }

    Duration time() {
        return Duration.ofNanos((long) (secs * NANOS_A_SECOND));
    }

    Duration warmup() {
        return Duration.ofNanos((long) (warmup * NANOS_A_SECOND));
    }

    int rounds() {
        return rounds;
    }

    int payload() {
        return payload;
    }

    /** Returns the requests a second of an open loop; 0 for a closed loop. */
    double rate() {
        return rate;
    }

    /** Returns the part of the rate of the closed loop at which an open loop follows; 0 for none. */
    double rateShare() {
        return rateShare;
    }

    Path directory() {
        return directory;
    }

    @Nullable
    Path json() {
        return json;
    }

    /** Returns the first file to compare; null if nothing is compared. */
    @Nullable
    Path first() {
        return first;
    }

    @Nullable
    Path second() {
        return second;
    }

    boolean guards() {
        return guards;
    }

    boolean records() {
        return records;
    }

    /** Returns whether the processor time of the bridge is divided among stages. */
    boolean stages() {
        return stages;
    }

    Path guardFile() {
        return guardFile;
    }
}
