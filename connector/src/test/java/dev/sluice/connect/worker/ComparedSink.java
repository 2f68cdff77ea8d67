package dev.sluice.connect.worker;

import dev.sluice.queue.TestPostgres;
import java.util.HashMap;
import java.util.Map;

/**
 * A sink that {@link SinkBenchmark} runs: the tables it writes into, how it is set up, and how its database tells what
 * it has done. All get the same records by the same converter, in a database of their own.
 *
 * @param label short, for a line of figures
 * @param description what it does, for who reads the figures
 * @param tables the statement that makes its tables; empty for the schema of the queue
 * @param urlOptions put behind the URL of the database
 * @param settings of the connector
 * @param countQuery tells how many records are stored
 * @param secondsQuery tells the time from the beginning of the first transaction to that of the last one, by the
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

    /** The product's: exactly once, a queue partition a key, several polls of the consumer in one transaction. */
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
                    "200"),
            "select coalesce(sum(head), 0) from sluice.partitions",
            "select extract(epoch from max(updated_at) - min(started_at)) from sluice.sink_offsets");

    /** What broker, worker and converter leave to any sink. */
    static final ComparedSink COUNT = new ComparedSink(
            "count",
            "drops the records, and notes how many there were in each delivery",
            "create table deliveries (records int, at timestamptz not null default now())",
            "",
            Map.of("connector.class", CountSink.class.getName(), "connection.user", "postgres"),
            "select coalesce(sum(records), 0) from deliveries",
            "select extract(epoch from max(at) - min(at)) from deliveries");

    /** As little as a sink of a row per record can do: no index, no offsets, no check of anything. */
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
     * A public one, set up for speed: inserts only, a large batch, nothing looked for to merge, a table that is there
     * already. Its primary key makes a second delivery fail instead of doubling the rows.
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
     * Another public one, set up for speed in the same way, into a table without any index: a second delivery doubles
     * the rows.
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

    /** Makes a database with the tables it writes into. */
    TestPostgres database() {
        if (tables.isEmpty()) {
            return TestPostgres.withSchema();
        }
        TestPostgres database = TestPostgres.empty();
        database.execute(tables);
        return database;
    }

    /** Returns the configuration of a connector for a database, without what is the same for all. */
    Map<String, String> configuration(TestPostgres database) {
        var configuration = new HashMap<>(settings);
        configuration.put("connection.url", database.url() + urlOptions);
        return configuration;
    }

    /** Returns how many records it has stored. */
    long stored(TestPostgres database) {
        return Long.parseLong(database.query(countQuery).get(0));
    }

    /** Returns how long it took, but for its last transaction. */
    double seconds(TestPostgres database) {
        return Double.parseDouble(database.query(secondsQuery).get(0));
    }
}
