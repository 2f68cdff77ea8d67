package dev.sluice.bridge;

import dev.sluice.bridge.http.Route;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Measures the routes that show things. A queue holds 10 million messages, in one partition or in a thousand; or it
 * holds a fifth of that, each message in a segment of its own, as after many small pushes. Prints the longest answer of
 * each route. The number of calls is large enough for the server to settle on its plans. Run it by hand; creating the
 * messages takes some minutes.
 *
 * <p>{@code -Dsluice.benchmark.messages} makes fewer. {@code CONTRIBUTING.md} has the command.
 */
final class ReadBenchmark {
    private static final int MESSAGES = Integer.getInteger("sluice.benchmark.messages", 10_000_000);
    /** More calls than the driver needs to prepare a statement, and the server to choose a generic plan. */
    private static final int TIMES = 12;

    private static final int NANOS_PER_MS = 1_000_000;

    private static final List<Layout> LAYOUTS =
            List.of(new Layout(1, 500, MESSAGES), new Layout(1000, 500, MESSAGES), new Layout(1000, 1, MESSAGES / 5));

    private ReadBenchmark() {}

    /**
     * The layout of the messages.
     *
     * @param segment messages of a segment
     * @param messages all there are
     */
    private record Layout(int partitions, int segment, int messages) {}

    /** Runs it. */
    public static void main(String[] arguments) throws IOException {
        Path directory = Files.createTempDirectory("sluice-reads");
        try {
            for (Layout layout : LAYOUTS) {
                try (TestPostgres postgres = TestPostgres.empty().withoutSyncs();
                        RunningBridge bridge = RunningBridge.start(
                                postgres.url(), directory.resolve(layout.partitions() + "-" + layout.segment()))) {
                    fill(postgres, layout);
                    measure(bridge, layout);
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

    private static void measure(RunningBridge bridge, Layout layout) {
        String partition = "534c5543-4500-8000-8000-000000000001";
        int newest = layout.messages() / layout.partitions();
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
        System.out.printf(
                "%,d messages in %,d partitions, %d in a segment; the longest of %d, in ms%n",
                layout.messages(), layout.partitions(), layout.segment(), TIMES);
        for (String path : paths) {
            long longest = 0;
            int status = 0;
            for (int i = 0; i < TIMES; i++) {
                long begin = System.nanoTime();
                HttpResponse<String> answer = bridge.get(path);
                longest = Math.max(longest, System.nanoTime() - begin);
                status = answer.statusCode();
            }
            System.out.printf("%8d  %d  %s%n", longest / NANOS_PER_MS, status, path);
        }
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
