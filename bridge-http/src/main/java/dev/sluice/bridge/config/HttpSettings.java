package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;
import static dev.sluice.bridge.config.KeyGroup.MAX_PORT;

import dev.sluice.bridge.api.HttpService;
import dev.sluice.bridge.api.messages.WebhookEndpoint;
import dev.sluice.bridge.http.TrustedOrigins;
import dev.sluice.bridge.http.WebPages;
import dev.sluice.bridge.limits.ConnectionLimits;
import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.queue.HeaderLimits;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Keys of the HTTP server. */
final class HttpSettings {
    static final KeyGroup GROUP = new KeyGroup("HTTP");

    static final Key<String> HOST = GROUP.text(
            "http.host",
            "127.0.0.1",
            ListenAddress::check,
            "The address or name that the service listens on. `0.0.0.0` and `::` mean every address of the machine.");
    static final Key<Integer> PORT = GROUP.integer(
            "http.port",
            6632,
            0,
            MAX_PORT,
            "The port that the service listens on. If 0, the service takes a free port.");
    static final Key<Integer> THREADS = GROUP.integer(
            "http.threads",
            200,
            8,
            10_000,
            "The largest number of threads that read requests and write answers. None of them waits for the disk or"
                    + " the database.");
    static final Key<Integer> MAX_CONNECTIONS = GROUP.integer(
            "http.max.connections",
            25_000,
            16,
            1_000_000,
            "The largest number of open connections. If the process may not open as many files, or if the heap has"
                    + " less than 16 KiB for each connection, the service allows fewer. From seven eighths of the"
                    + " bound on, a new connection closes the one that has been idle for the longest time. Pops wait"
                    + " on at most seven eighths of the bound. The service answers any other pop after 250 ms. So"
                    + " pushes get through.");
    static final Key<Duration> HEADER_TIMEOUT = GROUP.millis(
            "http.header.timeout.ms",
            10_000,
            1,
            HOUR_MS,
            "The longest time in ms from the first byte of a request to the end of its headers. After it the service"
                    + " closes the connection.");
    static final Key<Integer> MAX_HEADER_BYTES = GROUP.integer(
            "http.max.header.bytes",
            16 << 10,
            8 << 10,
            64 << 10,
            "The largest request line with all headers, in bytes. The service refuses a longer address with 414, and"
                    + " larger headers with 431.");
    static final Key<Duration> IDLE_TIMEOUT = GROUP.millis(
            "http.idle.timeout.ms",
            60_000,
            1,
            HOUR_MS,
            "The time in ms after which the service closes a connection without a running request. It is also the"
                    + " longest pause within a request body.");
    static final Key<Duration> BODY_TIMEOUT = GROUP.millis(
            "http.body.timeout.ms",
            60_000,
            1,
            HOUR_MS,
            "The longest time in ms that a request body may take to arrive. The service refuses a slower one with"
                    + " 408.");
    static final Key<Integer> MAX_BODY_BYTES = GROUP.integer(
            "http.max.body.bytes",
            16 << 20,
            1 << 10,
            24 << 20,
            "The largest request body in bytes, both as received and decompressed. The service refuses a larger one"
                    + " with 413.");
    static final Key<Integer> MAX_COMPRESSION_RATIO = GROUP.integer(
            "http.max.compression.ratio",
            100,
            1,
            100_000,
            "The largest ratio of the decompressed size of a request body to its received size. It applies to bodies"
                    + " that are larger than one MiB when decompressed. The service refuses a body with a higher"
                    + " ratio with 413.");
    static final Key<Integer> MAX_ITEMS = GROUP.integer(
            "http.max.items",
            100_000,
            1,
            250_000,
            "The largest number of messages in a push, and of acknowledgements in a batch. The service refuses more"
                    + " with 400.");
    static final Key<Integer> LIST_MAX = GROUP.integer(
            "http.list.max",
            10_000,
            1,
            100_000,
            "The largest number of rows of a list in one answer. Clients get further rows page by page, with `limit`"
                    + " and `cursor`.");
    static final Key<Integer> MAX_EVENT_STREAMS = GROUP.integer(
            "http.max.event.streams",
            100,
            1,
            10_000,
            "The largest number of streams of events (`GET /api/v1/work/events`) at a time. The service refuses"
                    + " further ones with 503.");
    static final Key<Integer> EVENT_STREAM_BUFFER = GROUP.integer(
            "http.event.stream.buffer",
            1_000,
            1,
            100_000,
            "The largest number of events that wait for the client of a stream. The service drops further ones, and"
                    + " tells the client how many. It keeps as many events for clients that connect again.");
    static final Key<Integer> MAX_DEPTH = GROUP.integer(
            "http.max.depth",
            500,
            8,
            10_000,
            "The deepest nesting of arrays and objects in a request body. The service refuses a deeper one with 400.");
    static final Key<Integer> MAX_MESSAGE_HEADERS = GROUP.integer(
            "message.headers.max.count",
            HeaderLimits.DEFAULT.count(),
            0,
            HeaderLimits.ABSOLUTE.count(),
            "The largest number of headers of a message. The service refuses a push with more with 400.");
    static final Key<Integer> MAX_MESSAGE_HEADER_BYTES = GROUP.integer(
            "message.headers.max.bytes",
            HeaderLimits.DEFAULT.bytes(),
            0,
            HeaderLimits.ABSOLUTE.bytes() / 2, // Encrypted headers are a third larger.
            "The largest size in bytes of the names and values of a message's headers in UTF-8. The service refuses a"
                    + " push with more with 400.");
    static final Key<List<String>> CORS_ORIGINS = GROUP.list(
            "cors.origins",
            "",
            "Origins of web pages that may use the service from a browser, `https://app.example.com`, separated by"
                    + " commas. Their pages get CORS headers. If a request of another page changes something or pops,"
                    + " the service refuses it with 403. A service on a loopback address also answers to the hosts of"
                    + " these origins. `*` allows every page.");
    static final Key<Duration> CORS_MAX_AGE = GROUP.millis(
            "cors.max.age.ms",
            HOUR_MS,
            0,
            24 * HOUR_MS,
            "The time in ms for which a browser may remember what a page of `cors.origins` may send. Until then it does"
                    + " not ask before each request. If 0, it asks each time. Browsers have their own, lower limits.");
    static final Key<Optional<String>> PUBLIC_URL = GROUP.optional(
            "http.public.url",
            TrustedOrigins::ofUrl,
            Secrets::hidden,
            "The URL under which browsers know the service if a proxy in front of it passes on another `Host`:"
                    + " `https://queue.example.com`. Pages of this URL are the service's own. A service on a loopback"
                    + " address also answers to its host. A path in the URL does not count.");
    static final Key<List<String>> WEBHOOK_ORIGINS = GROUP.list(
            "webhook.origins",
            "",
            "Sources of events that may push to this service as to a CloudEvents web hook, by the name that they send in"
                    + " `WebHook-Request-Origin`: `eventgrid.azure.net`, separated by commas. `*` allows every source."
                    + " The service gives no other source a permission. A push needs no permission, but its token if"
                    + " authentication is on.");
    static final Key<Integer> WEBHOOK_RATE = GROUP.integer(
            "webhook.rate",
            0,
            0,
            1_000_000,
            "The number of requests a minute that the service grants to each source of `webhook.origins`. The service"
                    + " does not count them. If 0, it grants any rate.");
    static final Key<Long> MEMORY_BYTES = GROUP.number(
            "http.memory.bytes",
            0,
            0,
            Long.MAX_VALUE,
            "The heap in bytes that all requests together may use: for their bodies, for the parsed bodies and for"
                    + " the answers. If a request needs more, the service refuses it with 413. If other requests"
                    + " occupy the heap that it needs, the service refuses it with 503. If 0, the limit is 28 % of"
                    + " the heap.");

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
                new ConnectionLimits(
                        values.get(MAX_CONNECTIONS), values.get(HEADER_TIMEOUT), values.get(MAX_HEADER_BYTES)),
                AuthSettings.jwt(values).orElse(null),
                pages(values),
                WebhookEndpoint.Sources.of(values.get(WEBHOOK_ORIGINS), values.get(WEBHOOK_RATE)),
                new HttpService.Streams(values.get(MAX_EVENT_STREAMS), values.get(EVENT_STREAM_BUFFER)),
                values.get(AdministrationSettings.MIGRATION_ENABLED));
    }

    private static WebPages pages(Values values) {
        return new WebPages(
                TrustedOrigins.of(values.get(CORS_ORIGINS)),
                values.get(PUBLIC_URL).map(TrustedOrigins::ofUrl).orElse(TrustedOrigins.NONE),
                values.get(CORS_MAX_AGE));
    }

    private static RequestLimits limits(Values values) {
        return new RequestLimits(
                values.get(MAX_BODY_BYTES),
                values.get(MAX_ITEMS),
                values.get(MAX_DEPTH),
                values.get(PopSettings.MAX_BATCH),
                (int) values.get(PopSettings.MAX_TIMEOUT).toMillis(),
                values.get(MAX_COMPRESSION_RATIO),
                new HeaderLimits(values.get(MAX_MESSAGE_HEADERS), values.get(MAX_MESSAGE_HEADER_BYTES)),
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
