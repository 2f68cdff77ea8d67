package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;
import static dev.sluice.bridge.config.KeyGroup.MAX_PORT;

import dev.sluice.bridge.api.HttpService;
import dev.sluice.bridge.http.TrustedOrigins;
import dev.sluice.bridge.limits.ConnectionLimits;
import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.bridge.limits.RequestLimits;
import java.time.Duration;
import java.util.List;

/** Keys of the HTTP server. */
final class HttpSettings {
    static final KeyGroup GROUP = new KeyGroup("HTTP");

    static final Key<String> HOST = GROUP.text(
            "http.host",
            "127.0.0.1",
            ListenAddress::check,
            "Address or name to listen on. `0.0.0.0` and `::` are every address of the machine.");
    static final Key<Integer> PORT =
            GROUP.integer("http.port", 6632, 0, MAX_PORT, "Port to listen on. 0 takes a free one.");
    static final Key<Integer> THREADS = GROUP.integer(
            "http.threads",
            200,
            8,
            10_000,
            "Most threads that read requests and write answers. None of them waits for the disk or the database.");
    static final Key<Integer> MAX_CONNECTIONS = GROUP.integer(
            "http.max.connections",
            25_000,
            16,
            1_000_000,
            "Most connections at once; fewer if the process may not open as many files, or the heap has less than 16"
                    + " KiB for each. From seven eighths on a new connection closes the one that has been without a"
                    + " request the longest. Pops wait on seven eighths at most; others are answered after 250 ms."
                    + " So pushes get through.");
    static final Key<Duration> HEADER_TIMEOUT = GROUP.millis(
            "http.header.timeout.ms",
            10_000,
            1,
            HOUR_MS,
            "Longest time from the first byte of a request to the end of its headers. Then the connection is closed.");
    static final Key<Duration> IDLE_TIMEOUT = GROUP.millis(
            "http.idle.timeout.ms",
            60_000,
            1,
            HOUR_MS,
            "Silence after which a connection with no request under way is closed, and the longest pause within a"
                    + " request body.");
    static final Key<Duration> BODY_TIMEOUT = GROUP.millis(
            "http.body.timeout.ms",
            60_000,
            1,
            HOUR_MS,
            "Longest time a request body may take to come. A slower one is refused with 408.");
    static final Key<Integer> MAX_BODY_BYTES = GROUP.integer(
            "http.max.body.bytes",
            16 << 20,
            1 << 10,
            24 << 20,
            "Largest request body, as it comes and decompressed. A larger one is refused with 413.");
    static final Key<Integer> MAX_COMPRESSION_RATIO = GROUP.integer(
            "http.max.compression.ratio",
            100,
            1,
            100_000,
            "How many times larger than it came a request body may decompress, beyond its first MiB. A denser one"
                    + " is refused with 413.");
    static final Key<Integer> MAX_ITEMS = GROUP.integer(
            "http.max.items",
            100_000,
            1,
            250_000,
            "Most messages in a push, and most acknowledgements in a batch. More is refused with 400.");
    static final Key<Integer> LIST_MAX = GROUP.integer(
            "http.list.max",
            10_000,
            1,
            100_000,
            "Most rows of a list in one answer. More are on the next page: `limit` and `cursor`.");
    static final Key<Integer> MAX_DEPTH = GROUP.integer(
            "http.max.depth",
            500,
            8,
            10_000,
            "Most arrays and objects inside each other in a request body. More is refused with 400.");
    static final Key<List<String>> CORS_ORIGINS = GROUP.list(
            "cors.origins",
            "",
            "Origins of web pages that may use the service from a browser, `https://app.example.com`, separated by"
                    + " commas. They get CORS headers. Requests of other pages that change or pop are refused with"
                    + " 403. A service on a loopback address also answers to the hosts of these origins. Behind a"
                    + " proxy: the address that browsers know the service by. `*`: any page.");
    static final Key<Long> MEMORY_BYTES = GROUP.number(
            "http.memory.bytes",
            0,
            0,
            Long.MAX_VALUE,
            "Heap that all requests together may take: their bodies, what the bodies become, and the answers to"
                    + " them. A request that needs more is refused with 413, one that finds it taken by others with"
                    + " 503. 0: 28 % of the heap.");

    /** Longest time that a stop waits for requests in progress. */
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);

    /** The largest body and what it becomes must fit into the memory of requests together. */
    private static final int BODIES_IN_MEMORY = 2;

    private HttpSettings() {}

    /**
     * Returns the configuration of the server.
     *
     * @throws IllegalArgumentException if values do not fit together; the message names the keys
     */
    static HttpService.Config service(Values values) {
        return new HttpService.Config(
                values.get(HOST),
                values.get(PORT),
                values.get(THREADS),
                values.get(IDLE_TIMEOUT),
                values.get(BODY_TIMEOUT),
                STOP_TIMEOUT,
                DrainSettings.usualDurability(values),
                limits(values),
                new ConnectionLimits(values.get(MAX_CONNECTIONS), values.get(HEADER_TIMEOUT)),
                AuthSettings.jwt(values).orElse(null),
                TrustedOrigins.of(values.get(CORS_ORIGINS)),
                values.get(AdministrationSettings.MIGRATION_ENABLED));
    }

    private static RequestLimits limits(Values values) {
        return new RequestLimits(
                values.get(MAX_BODY_BYTES),
                values.get(MAX_ITEMS),
                values.get(MAX_DEPTH),
                values.get(PopSettings.MAX_BATCH),
                (int) values.get(PopSettings.MAX_TIMEOUT).toMillis(),
                values.get(MAX_COMPRESSION_RATIO),
                memoryBytes(values));
    }

    private static long memoryBytes(Values values) {
        long bytes = values.get(MEMORY_BYTES);
        long least = (long) BODIES_IN_MEMORY * values.get(MAX_BODY_BYTES);
        if (bytes != 0 && bytes < least) {
            throw new IllegalArgumentException(MEMORY_BYTES.name() + " must be 0, or at least twice "
                    + MAX_BODY_BYTES.name() + " (" + least + "), was " + bytes);
        }
        return bytes == 0 ? HeapShares.requests() : bytes;
    }
}
