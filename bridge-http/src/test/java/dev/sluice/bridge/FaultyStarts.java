package dev.sluice.bridge;

import dev.sluice.bridge.api.EveryRequest;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.FaultyProxy.Deed;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;

/**
 * Starts a service through a proxy that disturbs its connections during the first two seconds. Everything works within
 * {@link #MOST} after the end of the fault.
 *
 * <p>Arguments of {@link #main}: how many starts (50), the seed of the first (1).
 */
final class FaultyStarts {
    /** Longest time from the end of a fault until pushes, pops, transactions, the drain and all else work. */
    static final Duration MOST = Duration.ofSeconds(10);

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int LONGEST_FAULT_MILLIS = 2000;

    private enum Kind {
        /** New connections are refused. */
        REFUSE,
        /** All connections are cut, once. */
        CUT_ALL,
        /** Some answers are not given, and their connections are cut. */
        CUT,
        /** Some answers come late. */
        DELAY,
        /** Some answers never come, and nothing more comes on their connections. */
        DROP
    }

    private FaultyStarts() {}

    /**
     * The outcome of a start.
     *
     * @param what the fault
     * @param took time from the end of the fault until everything worked
     */
    record Outcome(String what, Duration took) {
        boolean isGood() {
            return took.compareTo(MOST) <= 0;
        }
    }

    /** Starts once, with the fault that the seed gives, on a new database. */
    static Outcome start(long seed) throws InterruptedException, ExecutionException, IOException {
        var random = new Random(seed * 7919);
        Kind kind = Kind.values()[random.nextInt(Kind.values().length)];
        double chance = 0.05 + random.nextDouble() / 2;
        long from = random.nextInt(LONGEST_FAULT_MILLIS / 2);
        long until = from + 100 + random.nextInt(LONGEST_FAULT_MILLIS - (int) from - 100);
        boolean isEmpty = random.nextBoolean();
        String what = "seed=" + seed + " kind=" + kind + " chance=" + Math.round(chance * 100) + "% from=" + from
                + " until=" + until + " emptyDatabase=" + isEmpty;
        Path data = Files.createTempDirectory("sluice-starts");
        try (TestPostgres postgres = isEmpty ? TestPostgres.empty() : TestPostgres.withSchema();
                var proxy = new FaultyProxy(postgres.url())) {
            CompletableFuture<Long> ended =
                    CompletableFuture.supplyAsync(() -> disturb(proxy, kind, chance, random, from, until));
            Map<String, String> settings = Map.of("push.stored.timeout.ms", "1000", "pop.statement.timeout.ms", "4000");
            try (RunningBridge bridge = RunningBridge.start(proxy.url(), data, settings)) {
                long end = ended.get();
                EveryRequest.awaitRight(bridge, PATIENCE);
                return new Outcome(what, Duration.ofNanos(System.nanoTime() - end));
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError(what, e);
            }
        } finally {
            delete(data);
        }
    }

    /** Returns when the fault ended. */
    private static long disturb(
            FaultyProxy proxy, Kind kind, double chance, Random random, long fromMillis, long untilMillis) {
        sleep(fromMillis);
        switch (kind) {
            case REFUSE -> proxy.refuse(true);
            case CUT_ALL -> proxy.cut();
            case CUT -> proxy.fault(sometimes(Deed.CUT, chance, random));
            case DELAY -> proxy.fault(sometimes(Deed.DELAY, chance, random));
            case DROP -> proxy.fault(sometimes(Deed.DROP, chance, random));
        }
        sleep(untilMillis - fromMillis);
        proxy.refuse(false);
        proxy.fault(FaultyProxy.NONE);
        return System.nanoTime();
    }

    private static FaultyProxy.Fault sometimes(Deed deed, double chance, Random random) {
        return (application, connection, answer) -> random.nextDouble() < chance ? deed : Deed.PASS;
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void delete(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Prints a line for each start; ends with status 1 if one took too long. */
    public static void main(String[] arguments) throws Exception {
        int starts = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 50;
        long first = arguments.length > 1 ? Long.parseLong(arguments[1]) : 1;
        var slow = new ArrayList<Outcome>();
        Duration longest = Duration.ZERO;
        for (long seed = first; seed < first + starts; seed++) {
            Outcome outcome = start(seed);
            System.out.println(outcome.took().toMillis() + " ms " + outcome.what());
            longest = longest.compareTo(outcome.took()) > 0 ? longest : outcome.took();
            if (!outcome.isGood()) {
                slow.add(outcome);
            }
        }
        System.out.println(starts + " starts, the longest took " + longest.toMillis()
                + " ms after the fault; too slow: " + List.copyOf(slow));
        System.exit(slow.isEmpty() ? 0 : 1);
    }
}
