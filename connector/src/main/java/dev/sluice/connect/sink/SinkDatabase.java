package dev.sluice.connect.sink;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.write.QueueWriter;
import javax.sql.DataSource;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * The database that a sink task writes to. It checks the schema once.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SinkDatabase implements AutoCloseable {
    private final QueueSinkConfig config;
    private final DataSource dataSource;
    private final QueueWriter writer;
    private boolean isSchemaChecked;

    /** Opens no connection yet. */
    SinkDatabase(QueueSinkConfig config) {
        this.config = config;
        this.dataSource = config.dataSource();
        this.writer = new QueueWriter(dataSource, config.writer());
    }

    QueueWriter writer() {
        return writer;
    }

    DataSource dataSource() {
        return dataSource;
    }

    /**
     * Checks (or applies) the schema, unless it has done so before.
     *
     * @throws ConnectException if the schema has another version
     * @throws QueueException if PostgreSQL failed
     */
    void checkSchema() {
        if (isSchemaChecked) {
            return;
        }
        config.postgres().prepareSchema(dataSource, QueueSchema::verify);
        isSchemaChecked = true;
    }

    @Override
    public void close() {
        writer.close();
    }
}
