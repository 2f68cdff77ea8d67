package dev.sluice.bridge;

import dev.sluice.bridge.http.Route;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Measures the routes that show things, and those that look a message up by its transaction id to change something. A
 * queue holds 10 million messages, in one partition or in a thousand; or it holds a fifth of that, each message in a
 * segment of its own, as after many small pushes. Prints the median and the longest answer of each route. The number of
 * calls is large enough for the server to settle on its plans. Run it by hand; creating the messages takes some
 * minutes.
 *
 * <p>{@code -Dsluice.benchmark.messages} makes fewer. {@code CONTRIBUTING.md} has the command.
 */
final class ReadBenchmark {
    private static final int MESSAGES = Integer.getInteger("sluice.benchmark.messages", 10_000_000);
    /** More calls than the driver needs to prepare a statement, and the server to choose a generic plan. */
    private static final int TIMES = 12;

    private static final double NANOS_PER_MS = 1e6;

    private static final List<Layout> LAYOUTS = List.of(
            new Layout(1, 500, MESSAGES),
            new Layout(1, 1, MESSAGES / 5),
            new Layout(100, 100, MESSAGES),
            new Layout(1000, 500, MESSAGES),
            new Layout(1000, 1, MESSAGES / 5));

    /** The id of the first partition. */
    private static final String PARTITION = "534c5543-4500-8000-8000-000000000001";
    /** Acknowledgements of a request. */
    private static final int ACKNOWLEDGEMENTS = 1000;
    /** Requests with different messages, all of them near enough to the position of the group. */
    private static final int REQUESTS = 8;

    private static final String INDEXED =
            "select coalesce(sum(last_seq - first_seq + 1), 0)" + " from sluice.transaction_id_hashes where bucket = 0";
    private static final long CHECK_MILLIS = 1_000;
    /** The service has finished when it has indexed nothing for so many checks. */
    private static final int IDLE_CHECKS = 15;

    private ReadBenchmark() {}

    /**
     * The layout of the messages.
     *
     * @param segment messages of a segment
     * @param messages all there are
     */
    private record Layout(int partitions, int segment, int messages) {
        int newest() {
            return messages / partitions;
        }
    }

    /** A call of the service, with the number of the repetition. */
    private interface Call {
        HttpResponse<String> run(int repetition);
    }

    /** Runs it. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        Path directory = Files.createTempDirectory("sluice-reads");
        try {
            for (Layout layout : LAYOUTS) {
                try (TestPostgres postgres = TestPostgres.empty().withoutSyncs();
                        RunningBridge bridge = RunningBridge.start(
                                postgres.url(), directory.resolve(layout.partitions() + "-" + layout.segment()))) {
                    fill(postgres, layout);
                    System.out.printf(
                            "%,d messages in %,d partitions, %d in a segment; median and longest of %d, in ms%n",
                            layout.messages(), layout.partitions(), layout.segment(), TIMES);
                    awaitIndex(postgres);
                    measureReads(bridge, layout);
                    measureChanges(bridge, layout);
                }
            }
        } finally {
            delete(directory);
        }
    }

    private static void fill(TestPostgres postgres, Layout layout) {
        int segments = layout.messages() / layout.segment() / layout.partitions();
        postgres.execute("""
                insert into sluice.queues (name) values ('big');
                insert into sluice.consumer_groups (queue_id, name, subscription_mode) values (1, 'g', 'all'), (1, '__QUEUE_MODE__', 'all');
                insert into sluice.partitions (queue_id, name, head, last_push_at)
                  select 1, 'p' || p, %2$d::bigint * %3$d, now() from generate_series(1, %1$d) p;
                insert into sluice.cursors (group_id, partition_id, lane, position, available_at)
                  select g.id, p.id, 2, p.head / 2, now() from sluice.partitions p, sluice.consumer_groups g;
                insert into sluice.segments
                    (partition_id, first_seq, last_seq, ids, transaction_ids, payloads, payload_bytes, created_at)
                  select p, (s - 1) * %3$d + 1, s * %3$d, same.ids,
                         (select array_agg('t-' || p || '-' || ((s - 1) * %3$d + i) order by i) from generate_series(1, %3$d) i),
                         same.payloads, 20 * %3$d, now() - (%2$d - s) * interval '1 second'
                  from generate_series(1, %1$d) p, generate_series(1, %2$d) s,
                       (select array_agg(gen_random_uuid()) as ids, array_agg('{"some": "payload"}'::text) as payloads
                        from generate_series(1, %3$d)) same;
                analyze;
                """.formatted(layout.partitions(), segments, layout.segment()));
    }

    /** Waits until the service has indexed the transaction ids of large partitions. */
    private static void awaitIndex(TestPostgres postgres) throws InterruptedException {
        if (postgres.query("select to_regclass('sluice.transaction_id_hashes')").contains("null")) {
            return; // A service without an index.
        }
        long begin = System.nanoTime();
        long lastChange = begin;
        String indexed = "0";
        int idle = 0;
        while (idle < IDLE_CHECKS) {
            Thread.sleep(CHECK_MILLIS);
            String now = postgres.query(INDEXED).get(0);
            idle = now.equals(indexed) ? idle + 1 : 0;
            lastChange = now.equals(indexed) ? lastChange : System.nanoTime();
            indexed = now;
        }
        System.out.printf(
                "%8.1f                the service had indexed the transaction ids of %s messages%n",
                (lastChange - begin) / NANOS_PER_MS, indexed);
    }

    private static void measureReads(RunningBridge bridge, Layout layout) {
        String partition = PARTITION;
        int newest = layout.newest();
        var paths = new ArrayList<String>();
        for (Route route : bridge.routes()) {
            boolean shows = route.method().equals("GET")
                    && !route.path().contains("/pop")
                    && !route.path().contains("{partitionId}")
                    && !route.path().contains("{asset}");
            if (shows) {
                paths.add(route.path()
                        .replace("{queue}", "big")
                        .replace("{group}", "g")
                        .replaceAll("\\{[^}]*}", "x"));
            }
        }
        paths.add("/api/v1/messages?queue=big&limit=200");
        paths.add("/api/v1/messages?queue=big&status=completed&limit=200");
        paths.add("/api/v1/messages?queue=big&status=pending&limit=200&offset=9800");
        for (int seq : new int[] {newest, newest / 2, 1}) {
            paths.add("/api/v1/messages/" + partition + "/t-1-" + seq);
        }
        paths.add("/api/v1/messages/" + partition + "/absent");
        paths.add("/api/v1/traces/" + partition + "/t-1-1");
        for (String path : paths) {
            measure(path, repetition -> bridge.get(path));
        }
    }

    /** Measures what looks messages up by transaction ids that contain no time, and changes something. */
    private static void measureChanges(RunningBridge bridge, Layout layout) {
        int newest = layout.newest();
        for (int seq : new int[] {newest - TIMES, newest / 2, 1}) {
            measure(
                    "POST /api/v1/traces of the messages from " + seq + " on",
                    repetition -> bridge.post(
                            "/api/v1/traces",
                            "{\"partitionId\": \"" + PARTITION + "\", \"transactionId\": \"t-1-" + (seq + repetition)
                                    + "\", \"data\": {}}"));
            measure(
                    "DELETE of the messages from " + seq + " on",
                    repetition -> bridge.delete("/api/v1/messages/" + PARTITION + "/t-1-" + (seq + repetition)));
        }
        measure("DELETE of no message", repetition -> bridge.delete("/api/v1/messages/" + PARTITION + "/absent"));
        measure(
                "POST …/dlq of messages not yet read",
                repetition -> bridge.post(
                        "/api/v1/messages/" + PARTITION + "/t-1-" + (newest / 2 + 500 + repetition) + "/dlq",
                        "{\"consumerGroup\": \"g\"}"));
        for (int partitions : new int[] {1, 10, 100, 1000}) {
            if (partitions <= layout.partitions()) {
                String what = ACKNOWLEDGEMENTS + " acks without a lease in " + partitions + " partitions: ";
                int from = newest / 2 + 1000;
                int each = ACKNOWLEDGEMENTS / partitions;
                measure(what + "not yet read", i -> acknowledge(bridge, "g", partitions, from + i % REQUESTS * each));
                measure(what + "read before", i -> acknowledge(bridge, "g", partitions, newest / 2 - 1000));
                measure(what + "absent", i -> acknowledge(bridge, "g", partitions, newest + 1));
                measure(what + "group that never read", i -> acknowledge(bridge, "new", partitions, newest - 1000));
            }
        }
    }

    /** Acknowledges messages of the first so many partitions, from a seq on. */
    private static HttpResponse<String> acknowledge(RunningBridge bridge, String group, int partitions, int from) {
        var body = new StringBuilder("{\"consumerGroup\": \"" + group + "\", \"acknowledgments\": [");
        for (int i = 0; i < ACKNOWLEDGEMENTS; i++) {
            int partition = i % partitions + 1;
            body.append(i == 0 ? "" : ",")
                    .append("{\"transactionId\": \"t-" + partition + "-" + (from + i / partitions)
                            + "\", \"partitionId\": \"" + PARTITION.substring(0, PARTITION.length() - 4)
                            + String.format("%04x", partition) + "\", \"status\": \"completed\"}");
        }
        return bridge.post("/api/v1/ack/batch", body.append("]}").toString());
    }

    private static void measure(String name, Call call) {
        var nanos = new long[TIMES];
        int status = 0;
        for (int i = 0; i < TIMES; i++) {
            long begin = System.nanoTime();
            HttpResponse<String> answer = call.run(i);
            nanos[i] = System.nanoTime() - begin;
            status = answer.statusCode();
        }
        Arrays.sort(nanos);
        System.out.printf(
                "%8.1f %8.1f  %d  %s%n",
                nanos[TIMES / 2] / NANOS_PER_MS, nanos[TIMES - 1] / NANOS_PER_MS, status, name);
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            all.sorted(Comparator.reverseOrder()).forEach(path -> {
                try {
                    Files.delete(path);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }
}
