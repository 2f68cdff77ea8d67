package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.BenchException;
import dev.sluice.bridge.bench.BenchOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The parsed words after {@code sluice bench} when one of them is {@code --growth}. */
final class GrowthOptions {
    private static final double MAX_SECONDS = 3600;
    private static final double NANOS_A_SECOND = 1e9;

    private final Set<Growth> growths = EnumSet.noneOf(Growth.class);
    private final List<Long> at = new ArrayList<>();
    private final List<Path> from = new ArrayList<>();
    private double secs = 6;
    private double warmup = 3;
    private double every = 5;
    private int rate = 1000;
    private Path directory = Path.of(System.getProperty("java.io.tmpdir", "."));
    private @Nullable Path config;
    private @Nullable Path json;
    private @Nullable Path pictures;

    private GrowthOptions() {}

    /**
     * Parses the words.
     *
     * @throws BenchException if they are no valid command line; says why
     */
    static GrowthOptions parse(List<String> words) throws BenchException {
        var options = new GrowthOptions();
        var rest = new ArrayDeque<String>(words);
        String points = null;
        while (!rest.isEmpty()) {
            String word = rest.remove();
            if (word.equals("--at")) {
                points = BenchOptions.value(word, rest);
            } else {
                options.take(word, rest);
            }
        }
        if (points != null) {
            options.points(points);
        }
        return options;
    }

    private void take(String word, Queue<String> rest) throws BenchException {
        String value = BenchOptions.value(word, rest);
        switch (word) {
            case "--growth" -> grow(value);
            case "--secs" -> secs = BenchOptions.number(word, value, 0.1, MAX_SECONDS);
            case "--warmup" -> warmup = BenchOptions.number(word, value, 0.1, MAX_SECONDS);
            case "--every" -> every = BenchOptions.number(word, value, 0.1, MAX_SECONDS);
            case "--rate" -> rate = (int) BenchOptions.number(word, value, 1, 1_000_000);
            case "--dir" -> directory = BenchOptions.path(word, value);
            case "--config" -> config = BenchOptions.path(word, value);
            case "--json" -> json = BenchOptions.path(word, value);
            case "--pictures" -> pictures = BenchOptions.path(word, value);
            case "--from" -> {
                for (String file : value.split(",", -1)) {
                    from.add(BenchOptions.path(word, file));
                }
            }
            default -> throw BenchException.usage("bench --growth has no option " + word);
        }
    }

    private void grow(String words) throws BenchException {
        for (String word : words.split(",", -1)) {
            growths.add(Growth.of(word)
                    .orElseThrow(() -> BenchException.usage(
                            "--growth must be one or more of " + Growth.words() + ", was " + word)));
        }
    }

    private void points(String numbers) throws BenchException {
        if (growths.size() != 1) {
            throw BenchException.usage("--at belongs to one kind of growth, not to " + growths.size());
        }
        Growth growth = growths.iterator().next();
        for (String number : numbers.split(",", -1)) {
            long point = (long) BenchOptions.number("--at", number, (double) growth.least(), (double) growth.most());
            if (!at.isEmpty() && point <= at.get(at.size() - 1)) {
                throw BenchException.usage(
                        "the numbers of --at must rise, but " + number + " follows " + at.get(at.size() - 1));
            }
            at.add(point);
        }
        if (growth == Growth.SOAK && at.size() > 1) {
            throw BenchException.usage("a soak has one length in minutes, not " + at.size());
        }
    }

    Set<Growth> growths() {
        return growths;
    }

    /** Returns the points of a curve. */
    List<Long> points(Growth growth) {
        return at.isEmpty() ? growth.defaults() : List.copyOf(at);
    }

    /** Returns files of earlier runs; if there are any, nothing is measured. */
    List<Path> from() {
        return from;
    }

    Duration time() {
        return Duration.ofNanos((long) (secs * NANOS_A_SECOND));
    }

    Duration warmup() {
        return Duration.ofNanos((long) (warmup * NANOS_A_SECOND));
    }

    /** Returns the time between two samples of a soak. */
    Duration every() {
        return Duration.ofNanos((long) (every * NANOS_A_SECOND));
    }

    /** Returns the requests a second of a soak. */
    int rate() {
        return rate;
    }

    Path directory() {
        return directory;
    }

    @Nullable
    Path config() {
        return config;
    }

    @Nullable
    Path json() {
        return json;
    }

    @Nullable
    Path pictures() {
        return pictures;
    }
}
