package dev.sluice.bridge.schedule;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Fires ten thousand schedules that are all due in the same second, and then ten thousand that are spread over a
 * minute, and prints how late their messages were written. {@code args[0]} is another number of schedules.
 */
final class ScheduleBenchmark {
    private static final int MINUTE_S = 60;

    private ScheduleBenchmark() {}

    public static void main(String[] args) throws Exception {
        int number = args.length == 0 ? 10_000 : Integer.parseInt(args[0]);
        for (int spread : new int[] {1, MINUTE_S}) {
            try (TestPostgres postgres = TestPostgres.withSchema();
                    ScheduleService service = service(postgres)) {
                postgres.execute("insert into sluice.schedules (name, kind, expression, zone, starts_at, missed, queue,"
                        + " is_work, lane, payload, from_file, next_at) select 's' || n, 'every', 'PT24H', 'UTC',"
                        + " now(),"
                        + " 'all', 'q' || n % 100, false, 2, '1', false, now() + interval '3 seconds' + (n % " + spread
                        + ") * interval '1 second' from generate_series(1, " + number + ") n");
                postgres.execute("analyze sluice.schedules");
                service.start();
                while (service.counts().fired() < number) {
                    TimeUnit.MILLISECONDS.sleep(100);
                }
                System.out.println(number + " schedules over " + spread + " s: "
                        + postgres.query(
                                "select 'late, seconds: p50 ' || round(percentile_cont(0.5) within group (order"
                                        + " by"
                                        + " late)::numeric, 3) || ', p99 ' || round(percentile_cont(0.99) within group (order"
                                        + " by"
                                        + " late)::numeric, 3) || ', longest ' || round(max(late)::numeric, 3) from"
                                        + " (select"
                                        + " extract(epoch from last_fired_at - last_tick) as late from sluice.schedules)"
                                        + " s"));
            }
        }
    }

    private static ScheduleService service(TestPostgres postgres) {
        var config = new ScheduleConfig(
                "sluice", PayloadCipher.NONE, Duration.ofMinutes(10), 100, 1_000_000, Duration.ofSeconds(1), List.of());
        return new ScheduleService(
                config,
                postgres.dataSource(),
                new QueueWriterConfig("sluice", Duration.ofHours(1), 100_000, PayloadCipher.NONE),
                queues -> {});
    }
}
