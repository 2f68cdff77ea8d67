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
 * Compares the sink with others on one real worker, in turns: the same topic, filled before, two tasks, the same
 * converter and settings of the consumer, PostgreSQL as durable as the product runs it. {@link ComparedSink} says what
 * they are and do.
 *
 * <p>Public sinks are among them where {@code -Dsluice.benchmark.debezium=FOLDER} and
 * {@code -Dsluice.benchmark.aiven=FOLDER} name folders with their jars, which the build does not know. {@code mvn
 * dependency:copy-dependencies -DoutputDirectory=FOLDER
 * -DexcludeGroupIds=org.apache.kafka,org.slf4j,com.fasterxml.jackson.core} makes Debezium's in any project whose one
 * dependency is {@code io.debezium:debezium-connector-jdbc:3.5.0.Final}. What is left out is the worker's; a second
 * Jackson ends its tasks. Aiven's is the unpacked archive of a release.
 *
 * <p>The first round is not counted: in it the worker still compiles. Prints records per second and the share of the
 * tasks' time that PostgreSQL was busy with them, then how the queue's rate compares, round by round. A rate counts
 * from the first transaction's beginning to the last one's, both by the database's clock, so starting a connector does
 * not count. The share comes from samples of {@code pg_stat_activity}: connections that run a statement and do not wait
 * for the client.
 *
 * <p>CONTRIBUTING.md has the command. Optional arguments: the number of records, 2000000 by default, of rounds, 3, and
 * of keys, each a partition of the queue, 1000.
 */
public final class SinkBenchmark {
    private static final int PARTITIONS = 8;
    private static final int PAYLOAD_BYTES = 200;
    private static final int BATCH = 10_000;
    private static final int TASKS = 2;
    private static final String TOPIC = "benchmark";
    private static final String WORKER = "benchmark-worker";
    /** What the system property begins with that names the folder of a public sink; it ends with the sink's label. */
    private static final String FOLDER = "sluice.benchmark.";

    /** Often enough for a share, seldom enough to leave the processor to the tasks: every 10 ms took a tenth of it. */
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
                ConnectWorker worker = ConnectWorker.start(WORKER, broker, "benchmark", Tuning.BENCHMARKS)) {
            sinks.forEach(sink -> System.out.printf("%-10s %s%n", sink.label(), sink.description()));
            var benchmark = new SinkBenchmark(broker, worker, records, keys);
            benchmark.fill();
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
            }
        }
        System.exit(0);
    }

    /** Returns what there is to compare; links the folders of public sinks into the worker's plug-ins. */
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

    /** Makes a plug-in of a sink to compare with: its two classes in a jar, and the driver. */
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
            worker.configure(name, configuration);
            double busy = busyUntilDone(name, database);
            worker.delete(name);
            long stored = sink.stored(database);
            if (stored != records) {
                throw new IllegalStateException(name + " stored " + stored + " of " + records + " records");
            }
            double rate = records / sink.seconds(database);
            clear(database);
            System.out.printf(
                    Locale.ROOT,
                    "%-12s %,9.0f records/s, PostgreSQL busy %.0f %% of the tasks' time%n",
                    name,
                    rate,
                    100 * busy / TASKS);
            return rate;
        }
    }

    /** Leaves nothing that the server would vacuum or write to its files while the next one runs. */
    private static void clear(TestPostgres database) {
        database.execute("drop schema if exists sluice cascade");
        database.execute("drop schema public cascade");
        database.execute("checkpoint");
    }

    /**
     * Waits until the group has committed everything; returns how many connections PostgreSQL was busy with on average.
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
            if (samples > 0 || now > 0) { // Before the first statement the connector is still starting.
                samples++;
                busy += now;
            }
            if (now > 0) { // After the last one the group's offsets are still to come.
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
