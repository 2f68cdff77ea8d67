package dev.sluice.connect.worker;

import dev.sluice.queue.TestPostgres;
import java.util.HashMap;
import java.util.Map;

/**
 * A sink that {@link SinkBenchmark} runs: its tables, its configuration, and the queries that measure it. Each sink
 * gets the same records by the same converter and has its own database.
 *
 * @param label a short name, for a line of figures
 * @param description what the sink does, for the reader of the figures
 * @param tables the statement that creates its tables; empty for the schema of the queue
 * @param urlOptions options at the end of the URL of the database
 * @param settings of the connector
 * @param countQuery returns the number of stored records
 * @param secondsQuery returns the time from the start of the first transaction to that of the last one, by the
 *     database's clock
 */
record ComparedSink(
        String label,
        String description,
        String tables,
        String urlOptions,
        Map<String, String> settings,
        String countQuery,
        String secondsQuery) {

    /** Our sink: exactly once, one queue partition per key, several polls of the consumer in one transaction. */
    static final ComparedSink QUEUE = new ComparedSink(
            "queue",
            "this project's sink, a partition of the queue for each key, several polls in a transaction (linger.ms=200)",
            "",
            "",
            Map.of(
                    "connector.class",
                    "dev.sluice.connect.QueueSinkConnector",
                    "connection.user",
                    "postgres",
                    "partition.from",
                    "key",
                    "linger.ms",
                    "200",
                    "batch.size",
                    System.getProperty("sluice.benchmark.batch", "10000")),
            "select coalesce(sum(head), 0) from sluice.partitions",
            "select extract(epoch from max(updated_at) - min(started_at)) from sluice.sink_offsets");

    /** A sink that drops all records: the rate that broker, worker and converter allow. */
    static final ComparedSink COUNT = new ComparedSink(
            "count",
            "drops the records, and notes how many there were in each delivery",
            "create table deliveries (records int, at timestamptz not null default now())",
            "",
            Map.of("connector.class", CountSink.class.getName(), "connection.user", "postgres"),
            "select coalesce(sum(records), 0) from deliveries",
            "select extract(epoch from max(at) - min(at)) from deliveries");

    /** The least work of a sink with a row per record: no index, no offsets, no checks. */
    static final ComparedSink INSERT = new ComparedSink(
            "insert",
            "batched inserts of key and value, a table without any index, no delivery promise",
            "create table plain (key text, value text, at timestamptz not null default now())",
            "?reWriteBatchedInserts=true",
            Map.of(
                    "connector.class",
                    InsertSink.class.getName(),
                    "connection.user",
                    "postgres",
                    "batch.size",
                    "3000",
                    InsertSink.TABLE,
                    "plain"),
            "select count(*) from plain",
            "select extract(epoch from max(at) - min(at)) from plain");

    /**
     * Debezium's sink, configured for speed: inserts only, large batches, no merges, an existing table. Because of the
     * primary key a redelivery fails instead of doubling the rows.
     */
    static final ComparedSink DEBEZIUM = new ComparedSink(
            "debezium",
            "Debezium's JDBC sink; takes only structs, so each value is hoisted into one of a single field; primary key"
                    + " (topic, partition, offset); does not store the key",
            "create table debezium (__connect_topic text, __connect_partition int, __connect_offset bigint, value text,"
                    + " at timestamptz not null default now(),"
                    + " primary key (__connect_topic, __connect_partition, __connect_offset))",
            "?reWriteBatchedInserts=true",
            Map.ofEntries(
                    Map.entry("connector.class", "io.debezium.connector.jdbc.JdbcSinkConnector"),
                    Map.entry("connection.username", "postgres"),
                    Map.entry("connection.password", "none"),
                    Map.entry("collection.name.format", "debezium"),
                    Map.entry("insert.mode", "insert"),
                    Map.entry("primary.key.mode", "kafka"),
                    Map.entry("schema.evolution", "none"),
                    Map.entry("use.reduction.buffer", "false"),
                    Map.entry("batch.size", "5000"),
                    Map.entry("transforms", "struct"),
                    Map.entry("transforms.struct.type", "org.apache.kafka.connect.transforms.HoistField$Value"),
                    Map.entry("transforms.struct.field", "value")),
            "select count(*) from debezium",
            "select extract(epoch from max(at) - min(at)) from debezium");

    /**
     * Aiven's sink, configured for speed in the same way, with a table without an index: a redelivery doubles the rows.
     */
    static final ComparedSink AIVEN = new ComparedSink(
            "aiven",
            "Aiven's JDBC sink; takes only structs, so each value is hoisted into one of a single field; no index; does not store"
                    + " the key",
            "create table aiven (value text, at timestamptz not null default now())",
            "?reWriteBatchedInserts=true",
            Map.ofEntries(
                    Map.entry("connector.class", "io.aiven.connect.jdbc.JdbcSinkConnector"),
                    Map.entry("connection.user", "postgres"),
                    Map.entry("connection.password", "none"),
                    Map.entry("table.name.format", "aiven"),
                    Map.entry("insert.mode", "insert"),
                    Map.entry("pk.mode", "none"),
                    Map.entry("auto.create", "false"),
                    Map.entry("batch.size", "3000"),
                    Map.entry("transforms", "struct"),
                    Map.entry("transforms.struct.type", "org.apache.kafka.connect.transforms.HoistField$Value"),
                    Map.entry("transforms.struct.field", "value")),
            "select count(*) from aiven",
            "select extract(epoch from max(at) - min(at)) from aiven");

    /** Creates a database with the tables of the sink. */
    TestPostgres database() {
        if (tables.isEmpty()) {
            return TestPostgres.withSchema();
        }
        TestPostgres database = TestPostgres.empty();
        database.execute(tables);
        return database;
    }

    /** Returns the configuration of a connector for a database, without the settings that all sinks share. */
    Map<String, String> configuration(TestPostgres database) {
        var configuration = new HashMap<>(settings);
        configuration.put("connection.url", database.url() + urlOptions);
        return configuration;
    }

    /** Returns the number of stored records. */
    long stored(TestPostgres database) {
        return Long.parseLong(database.query(countQuery).get(0));
    }

    /** Returns the time of all transactions but the last one. */
    double seconds(TestPostgres database) {
        return Double.parseDouble(database.query(secondsQuery).get(0));
    }
}
