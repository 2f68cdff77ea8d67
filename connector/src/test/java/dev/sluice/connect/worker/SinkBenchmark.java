package dev.sluice.connect.worker;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.connect.worker.KafkaJvm.Tuning;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;
import org.postgresql.Driver;

/**
 * Compares the sink with other sinks on one real worker, in turns. All have the same full topic, two tasks, the same
 * converter and consumer settings, and PostgreSQL with durable commits. {@link ComparedSink} describes the sinks.
 *
 * <p>It also runs public sinks if {@code -Dsluice.benchmark.debezium=FOLDER} and
 * {@code -Dsluice.benchmark.aiven=FOLDER} name folders with their jars, which the build does not have. {@code mvn
 * dependency:copy-dependencies -DoutputDirectory=FOLDER
 * -DexcludeGroupIds=org.apache.kafka,org.slf4j,com.fasterxml.jackson.core} makes Debezium's folder in a project whose
 * only dependency is {@code io.debezium:debezium-connector-jdbc:3.5.0.Final}. The worker brings the excluded jars, and
 * a second Jackson makes tasks fail. Aiven's folder is the unpacked archive of a release.
 *
 * <p>The first round does not count, because the worker's JVM still compiles. The benchmark prints records per second,
 * the share of the tasks' time in which PostgreSQL was busy, and the ratio of the rates, round by round. A rate counts
 * from the start of the first transaction to the start of the last one by the database's clock, so the start of a
 * connector does not count. The share comes from samples of {@code pg_stat_activity}: connections that run a statement
 * and do not wait for the client. The processor time a record, of each process, includes start and end of the
 * connector. {@code -Dsluice.benchmark.worker=OPTIONS} gives the worker's JVM further options, for a profile.
 * {@code -Dsluice.benchmark.batch=N} is the {@code batch.size} of this project's sink (10000).
 *
 * <p>CONTRIBUTING.md has the command. Optional arguments: the number of records (2000000), of rounds (3), and of keys
 * (1000). Each key is a partition of the queue.
 */
public final class SinkBenchmark {
    private static final int PARTITIONS = 8;
    private static final int PAYLOAD_BYTES = 200;
    private static final int BATCH = 10_000;
    private static final int TASKS = 2;
    private static final String TOPIC = "benchmark";
    private static final String WORKER = "benchmark-worker";
    /** Prefix of the system property with the folder of a public sink. The sink's label follows. */
    private static final String FOLDER = "sluice.benchmark.";

    /** Name of the system property with further options of the worker's JVM, separated by spaces. */
    private static final String WORKER_OPTIONS = "sluice.benchmark.worker";

    /** Interval of the samples. At 10 ms the sampling took a tenth of the processor. */
    private static final long SAMPLE_MS = 50;

    private static final long LAG_MS = 1_000;

    private final KafkaBroker broker;
    private final ConnectWorker worker;
    private final int records;
    private final int keys;

    private SinkBenchmark(KafkaBroker broker, ConnectWorker worker, int records, int keys) {
        this.broker = broker;
        this.worker = worker;
        this.records = records;
        this.keys = keys;
    }

    /** Runs the benchmark. */
    public static void main(String[] args) throws Exception {
        int records = args.length > 0 ? Integer.parseInt(args[0]) : 2_000_000;
        int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 3;
        int keys = args.length > 2 ? Integer.parseInt(args[2]) : 1_000;
        install(InsertSink.class, InsertSink.Writer.class);
        install(CountSink.class, CountSink.Counter.class);
        List<ComparedSink> sinks = sinks();
        try (KafkaBroker broker = KafkaBroker.start("benchmark-broker", Tuning.BENCHMARKS);
                ConnectWorker worker = ConnectWorker.start(WORKER, broker, "benchmark", tuning())) {
            sinks.forEach(sink -> System.out.printf("%-10s %s%n", sink.label(), sink.description()));
            var benchmark = new SinkBenchmark(broker, worker, records, keys);
            benchmark.fill();
            var counted = new LinkedHashMap<ComparedSink, List<Double>>();
            for (int round = 0; round <= rounds; round++) {
                var rates = new LinkedHashMap<ComparedSink, Double>();
                for (ComparedSink sink : sinks) {
                    rates.put(sink, benchmark.run(sink, round));
                }
                double queue = rates.remove(ComparedSink.QUEUE);
                var ratios = new StringBuilder(round == 0 ? "not counted:" : "round " + round + ":");
                rates.forEach((sink, rate) -> ratios.append(
                        String.format(Locale.ROOT, " queue has %.1f times %s;", queue / rate, sink.label())));
                System.out.println(ratios);
                if (round > 0) {
                    rates.forEach((sink, rate) -> counted.computeIfAbsent(sink, each -> new ArrayList<>())
                            .add(queue / rate));
                }
            }
            counted.forEach((sink, all) ->
                    System.out.printf(Locale.ROOT, "median: queue has %.2f times %s%n", median(all), sink.label()));
        }
        System.exit(0);
    }

    private static double median(List<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** Returns how the worker's JVM runs. */
    private static Tuning tuning() {
        return Tuning.BENCHMARKS.with(System.getProperty(WORKER_OPTIONS, ""));
    }

    /** Returns the sinks to compare. It links the folders of public sinks into the worker's plug-ins. */
    private static List<ComparedSink> sinks() throws IOException {
        var sinks = new ArrayList<>(List.of(ComparedSink.QUEUE, ComparedSink.COUNT, ComparedSink.INSERT));
        Path plugins = Files.createDirectories(ConnectWorker.plugins(WORKER));
        for (ComparedSink sink : List.of(ComparedSink.DEBEZIUM, ComparedSink.AIVEN)) {
            String folder = System.getProperty(FOLDER + sink.label());
            Path link = plugins.resolve(sink.label());
            Files.deleteIfExists(link);
            if (folder == null) {
                System.out.println(
                        "without " + sink.label() + "; -D" + FOLDER + sink.label() + "=FOLDER would name its jars");
            } else {
                Files.createSymbolicLink(link, Path.of(folder).toRealPath());
                sinks.add(sink);
            }
        }
        return sinks;
    }

    /** Packages a sink of this package as a plug-in: its two classes in a jar, and the driver. */
    private static void install(Class<? extends SinkConnector> connector, Class<? extends Task> task) throws Exception {
        String name = connector.getSimpleName();
        Path folder = Files.createDirectories(ConnectWorker.plugins(WORKER).resolve(name));
        Path driver = Path.of(
                Driver.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        Files.copy(driver, folder.resolve("postgresql.jar"), StandardCopyOption.REPLACE_EXISTING);
        try (OutputStream file = Files.newOutputStream(folder.resolve(name + ".jar"));
                var jar = new JarOutputStream(file)) {
            add(jar, connector);
            add(jar, task);
            jar.putNextEntry(new JarEntry("META-INF/services/" + SinkConnector.class.getName()));
            jar.write(connector.getName().getBytes(UTF_8));
        }
    }

    private static void add(JarOutputStream jar, Class<?> type) throws IOException {
        String name = type.getName().replace('.', '/') + ".class";
        jar.putNextEntry(new JarEntry(name));
        try (InputStream in = type.getClassLoader().getResourceAsStream(name)) {
            in.transferTo(jar);
        }
    }

    private void fill() throws Exception {
        broker.createTopic(TOPIC, PARTITIONS, Map.of());
        try (Producer<byte[], byte[]> producer = Records.producer(broker)) {
            for (int first = 0; first < records; first += BATCH) {
                var batch = new ArrayList<ProducerRecord<byte[], byte[]>>(BATCH);
                for (int number = first; number < Math.min(records, first + BATCH); number++) {
                    batch.add(new ProducerRecord<>(
                            TOPIC, Records.bytes("customer-" + number % keys), Records.bytes(payload(number))));
                }
                Records.send(producer, batch);
            }
        }
    }

    private static String payload(int number) {
        String start = "{\"number\":" + number + ",\"text\":\"";
        return start + "x".repeat(PAYLOAD_BYTES - start.length() - 2) + "\"}";
    }

    private double run(ComparedSink sink, int round) throws Exception {
        String name = sink.label() + "-" + round;
        try (TestPostgres database = sink.database()) {
            var configuration = new HashMap<>(sink.configuration(database));
            configuration.put("topics", TOPIC);
            configuration.put("tasks.max", String.valueOf(TASKS));
            configuration.put("value.converter", "org.apache.kafka.connect.storage.StringConverter");
            configuration.put("consumer.override.auto.offset.reset", "earliest");
            configuration.put("consumer.override.max.poll.records", "5000");
            configuration.put("consumer.override.max.partition.fetch.bytes", String.valueOf(4 << 20));
            ProcessTimes start = ProcessTimes.now(database);
            worker.configure(name, configuration);
            double busy = busyUntilDone(name, database);
            ProcessTimes end = ProcessTimes.now(database);
            worker.delete(name);
            long stored = sink.stored(database);
            if (stored != records) {
                throw new IllegalStateException(name + " stored " + stored + " of " + records + " records");
            }
            double rate = records / sink.seconds(database);
            clear(database);
            System.out.printf(
                    Locale.ROOT,
                    "%-12s %,9.0f records/s, PostgreSQL busy %.0f %% of the tasks' time, %s%n",
                    name,
                    rate,
                    100 * busy / TASKS,
                    end.perRecord(start, records));
            return rate;
        }
    }

    /** Vacuums and checkpoints, so that the server does not do it while the next sink runs. */
    private static void clear(TestPostgres database) {
        database.execute("drop schema if exists sluice cascade");
        database.execute("drop schema public cascade");
        database.execute("checkpoint");
    }

    /**
     * Waits until the group has committed all records. Returns the average number of connections that PostgreSQL was
     * busy with.
     */
    private double busyUntilDone(String name, TestPostgres database) throws Exception {
        long samples = 0;
        long busy = 0;
        long writtenSamples = 0;
        long writtenBusy = 0;
        long nextLook = System.nanoTime() + LAG_MS * 1_000_000;
        while (true) {
            long now = Long.parseLong(database.query("select count(*) from pg_stat_activity where state = 'active'"
                            + " and wait_event is distinct from 'ClientRead'"
                            + " and datname = current_database() and pid <> pg_backend_pid()")
                    .get(0));
            if (samples > 0 || now > 0) { // Before the first statement, the connector starts.
                samples++;
                busy += now;
            }
            if (now > 0) { // After the last statement, the group commits its offsets.
                writtenSamples = samples;
                writtenBusy = busy;
            }
            if (System.nanoTime() - nextLook > 0) {
                if (Records.lag(broker, "connect-" + name, TOPIC) == 0) {
                    return writtenSamples == 0 ? 0 : (double) writtenBusy / writtenSamples;
                }
                if (worker.states(name).contains("FAILED")) {
                    throw new IllegalStateException(name + " has failed; see target/kafka/" + WORKER + ".log");
                }
                nextLook = System.nanoTime() + LAG_MS * 1_000_000;
            }
            Thread.sleep(SAMPLE_MS);
        }
    }
}
