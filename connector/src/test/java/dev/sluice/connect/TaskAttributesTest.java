package dev.sluice.connect;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.sluice.connect.sink.FakeWorker;
import dev.sluice.connect.sink.QueueSinkTask;
import dev.sluice.connect.source.FakeSourceWorker;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** The attributes of the tasks' MBeans: they count, they are in the documentation, and they go with the task. */
class TaskAttributesTest {
    private static final MBeanServer SERVER = ManagementFactory.getPlatformMBeanServer();
    private static final Path PAGE = Path.of("..", "docs", "connect.md");
    private static final TopicPartition ORDERS = new TopicPartition("orders", 0);

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private final List<SinkRecord> records = new ArrayList<>();

    private Map<String, String> properties(String url, String... more) {
        var properties = new HashMap<String, String>();
        properties.put("name", "odd, name=\"1\"");
        properties.put("connection.url", url);
        properties.put("connection.user", "postgres");
        properties.put("retry.backoff.ms", "1");
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    private FakeWorker sink(String url, String... more) {
        return new FakeWorker(new QueueSinkTask(), Map.of(ORDERS, records), 50).start(properties(url, more));
    }

    private FakeSourceWorker source(String url, String... more) {
        Map<String, String> properties = properties(url, more);
        properties.put("queues.pattern", ".*");
        properties.put("poll.interval.ms", "10");
        return new FakeSourceWorker(properties);
    }

    private void produce(int from, int to, Object value) {
        for (int offset = from; offset < to; offset++) {
            records.add(new SinkRecord("orders", 0, null, "k", null, value, offset));
        }
    }

    private void push(String queue) {
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            var id = new MessageIds().next();
            var unused =
                    writer.write(List.of(NewMessage.of(id, queue, "p", id.toString(), "1".getBytes(UTF_8))), List.of());
        }
    }

    private static Set<ObjectName> beans(String type) {
        try {
            return SERVER.queryNames(new ObjectName("dev.sluice:type=" + type + ",*"), null);
        } catch (JMException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object value(String type, String attribute) throws JMException {
        return SERVER.getAttribute(beans(type).iterator().next(), attribute);
    }

    private static List<String> rows(String type) throws JMException {
        MBeanAttributeInfo[] attributes =
                SERVER.getMBeanInfo(beans(type).iterator().next()).getAttributes();
        return Arrays.stream(attributes)
                .map(attribute -> {
                    String[] parts = attribute.getDescription().split(" Unit: ", 2);
                    return "| `" + attribute.getName() + "` | " + parts[1] + " | " + parts[0] + " |";
                })
                .toList();
    }

    /** Returns the rows of the table below the line that names the beans. */
    private static List<String> documented(String type) throws IOException {
        String page = Files.readString(PAGE);
        return page.substring(page.indexOf("`dev.sluice:type=" + type + ","))
                .lines()
                .dropWhile(line -> !line.startsWith("|---"))
                .skip(1)
                .takeWhile(line -> line.startsWith("|"))
                .toList();
    }

    private static void checkDocumentation(String type) throws IOException, JMException {
        List<String> rows = rows(type);
        if (Boolean.getBoolean("sluice.write.docs")) {
            String page = Files.readString(PAGE);
            int table = page.indexOf("|---|---|---|\n", page.indexOf("`dev.sluice:type=" + type + ","));
            int start = page.indexOf('\n', table) + 1;
            int end = page.indexOf("\n\n", start - 1) + 1;
            Files.writeString(PAGE, page.substring(0, start) + String.join("\n", rows) + "\n" + page.substring(end));
        }
        assertThat(documented(type))
                .as("docs/connect.md; write it again with: mvn -pl connector test -Dtest=TaskAttributesTest"
                        + " -Dsluice.write.docs=true")
                .isEqualTo(rows);
    }

    @Test
    void recordsThatAreSkippedScheduledOrParkedCount() throws JMException, SQLException {
        produce(0, 10, "1");
        try (FakeWorker worker = sink(postgres.url())) {
            worker.pollAll();
        }
        produce(10, 12, "1");
        records.get(11).headers().addString("sluice.delay-ms", "3600000");
        try (var proxy = new FaultyProxy(postgres.url());
                Connection other = postgres.dataSource().getConnection();
                Statement statement = other.createStatement()) {
            proxy.down(true);
            try (FakeWorker worker = sink(proxy.url(), "lock.timeout.ms", "100")) {
                proxy.down(false);
                worker.pollAll();
                assertThat(value("sink-task-metrics", "records-skipped-total")).isEqualTo(10L);
                assertThat(value("sink-task-metrics", "records-written-total")).isEqualTo(2L);
                assertThat(value("sink-task-metrics", "scheduled-total")).isEqualTo(1L);
                assertThat(value("sink-task-metrics", "parked-total")).isEqualTo(0L);
                other.setAutoCommit(false);
                statement.execute("select 1 from sluice.partitions for update");
                produce(12, 15, "1");
                worker.poll();
                assertThat(value("sink-task-metrics", "parked-total")).isEqualTo(3L);
                assertThat(value("sink-task-metrics", "records-written-total")).isEqualTo(5L);
                other.rollback();
            }
        }
    }

    @Test
    void everyAttributeOfASinkTaskIsInTheDocumentationWithItsUnit() throws IOException, JMException {
        try (FakeWorker worker = sink(postgres.url())) {
            worker.pollAll();
            checkDocumentation("sink-task-metrics");
        }
    }

    @Test
    void everyAttributeOfASourceTaskIsInTheDocumentationWithItsUnit() throws IOException, JMException {
        try (FakeSourceWorker worker = source(postgres.url())) {
            worker.pollAll();
            checkDocumentation("source-task-metrics");
        }
    }

    @Test
    void aSinkTaskCountsWhatItDoes() throws JMException {
        produce(0, 60, Map.of("n", 1));
        produce(60, 61, Double.NaN);
        try (FakeWorker worker =
                sink(postgres.url(), "trace.id.from", "header:trace", "partition.from", "constant:p")) {
            worker.pollAll();
            assertThat(value("sink-task-metrics", "records-delivered-total")).isEqualTo(61L);
            assertThat(value("sink-task-metrics", "records-written-total")).isEqualTo(60L);
            assertThat(value("sink-task-metrics", "records-refused-total")).isEqualTo(1L);
            assertThat(value("sink-task-metrics", "trace-id-from-missing-total"))
                    .isEqualTo(60L);
            assertThat(value("sink-task-metrics", "partition-from-missing-total"))
                    .isEqualTo(0L);
            assertThat(value("sink-task-metrics", "batches-total")).isEqualTo(2L);
            assertThat((double) value("sink-task-metrics", "batch-records-max")).isEqualTo(50);
            assertThat((double) value("sink-task-metrics", "flush-time-max-ms")).isPositive();
            assertThat((double) value("sink-task-metrics", "flush-time-avg-ms"))
                    .isPositive()
                    .isLessThanOrEqualTo((double) value("sink-task-metrics", "flush-time-max-ms"));
            assertThat(value("sink-task-metrics", "database-available")).isEqualTo(1L);
            assertThat(value("sink-task-metrics", "records-held")).isEqualTo(0L);
            assertThat(value("sink-task-metrics", "records-lag")).isEqualTo(-1L);
            assertThat(value("sink-task-metrics", "last-error")).isEqualTo("");
        }
    }

    @Test
    void aSinkTaskCountsDuplicatesAndSkippedRecords() throws JMException {
        produce(0, 5, Map.of("n", 1));
        String[] keys = {"transaction.id.from", "key"};
        try (FakeWorker worker = sink(postgres.url(), keys)) {
            worker.pollAll();
            assertThat(value("sink-task-metrics", "records-written-total")).isEqualTo(5L);
            assertThat(value("sink-task-metrics", "duplicates-total")).isEqualTo(4L);
        }
    }

    @Test
    void anOutageShowsInASinkTask() throws JMException {
        produce(0, 10, Map.of("n", 1));
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = sink(proxy.url())) {
            assertThat(value("sink-task-metrics", "database-available")).isEqualTo(1L);
            proxy.down(true);
            worker.poll();
            worker.poll();
            assertThat(value("sink-task-metrics", "database-available")).isEqualTo(0L);
            assertThat((long) value("sink-task-metrics", "retries-total")).isPositive();
            assertThat((String) value("sink-task-metrics", "last-error")).contains("could not");
            assertThat((long) value("sink-task-metrics", "last-error-age-ms")).isNotNegative();
            assertThat(value("sink-task-metrics", "records-held")).isEqualTo(10L);
            proxy.down(false);
            worker.pollAll();
            assertThat(value("sink-task-metrics", "database-available")).isEqualTo(1L);
            assertThat(value("sink-task-metrics", "records-held")).isEqualTo(0L);
        }
    }

    @Test
    void anOutageShowsInASinkTaskWithoutRecordsToo() throws JMException {
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = sink(proxy.url())) {
            worker.poll();
            proxy.down(true);
            worker.poll();
            assertThat(value("sink-task-metrics", "database-available")).isEqualTo(0L);
            proxy.down(false);
            worker.poll();
            assertThat(value("sink-task-metrics", "database-available")).isEqualTo(1L);
        }
    }

    @Test
    void aSourceTaskCountsWhatItDoes() throws JMException {
        push("orders");
        push("bills");
        try (FakeSourceWorker worker = source(postgres.url())) {
            assertThat(value("source-task-metrics", "database-available")).isEqualTo(0L);
            worker.pollUntil(2);
            assertThat(value("source-task-metrics", "records-total")).isEqualTo(2L);
            assertThat(value("source-task-metrics", "records-unacknowledged")).isEqualTo(2L);
            worker.task().commitRecord(worker.records.get(0), null);
            assertThat(value("source-task-metrics", "records-unacknowledged")).isEqualTo(1L);
            assertThat(value("source-task-metrics", "records-acknowledged-total"))
                    .isEqualTo(1L);
            assertThat((long) value("source-task-metrics", "polls-total")).isPositive();
            assertThat((long) value("source-task-metrics", "reads-total")).isPositive();
            assertThat(value("source-task-metrics", "partitions")).isEqualTo(2L);
            assertThat(value("source-task-metrics", "messages-lag")).isEqualTo(0L);
            assertThat(value("source-task-metrics", "database-available")).isEqualTo(1L);
        }
    }

    @Test
    void anOutageShowsInASourceTask() throws JMException {
        try (var proxy = new FaultyProxy(postgres.url());
                FakeSourceWorker worker = source(proxy.url(), "connection.timeout.ms", "1000")) {
            worker.poll();
            proxy.down(true);
            worker.poll();
            assertThat(value("source-task-metrics", "database-available")).isEqualTo(0L);
            assertThat((long) value("source-task-metrics", "retries-total")).isPositive();
            assertThat((String) value("source-task-metrics", "last-error")).isNotEmpty();
        }
    }

    @Test
    void twoTasksHaveTwoBeansThatGoWithThem() {
        FakeWorker one = sink(postgres.url());
        FakeWorker two = sink(postgres.url());
        FakeSourceWorker first = source(postgres.url(), "task.index", "0", "task.count", "2");
        FakeSourceWorker second = source(postgres.url(), "task.index", "1", "task.count", "2");
        assertThat(beans("sink-task-metrics")).hasSize(2);
        assertThat(beans("source-task-metrics"))
                .hasSize(2)
                .allSatisfy(name -> assertThat(ObjectName.unquote(name.getKeyProperty("connector")))
                        .isEqualTo("odd, name=\"1\""));
        first.close();
        second.close();
        one.close();
        two.close();
        assertThat(beans("sink-task-metrics")).isEmpty();
        assertThat(beans("source-task-metrics")).isEmpty();
    }

    @Test
    void aTaskThatDoesNotStartLeavesNoBean() {
        try (TestPostgres empty = TestPostgres.empty()) {
            FakeWorker worker = new FakeWorker(new QueueSinkTask(), Map.of(ORDERS, records), 50);
            assertThat(catchThrowable(() -> worker.start(properties(empty.url()))))
                    .hasMessageContaining("schema.apply=true");
            assertThat(beans("sink-task-metrics")).isEmpty();
        }
    }
}
