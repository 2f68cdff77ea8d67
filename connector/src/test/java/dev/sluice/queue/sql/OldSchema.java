package dev.sluice.queue.sql;

import java.util.List;
import javax.sql.DataSource;

/** The schema as an earlier version of the program left it. */
public final class OldSchema {
    private OldSchema() {}

    /** Makes the schema {@code sluice} of version 1. */
    public static void apply(DataSource dataSource) {
        new QueueSchema(List.of(Migration.read("001_initial.sql")), 14).applyTo(dataSource, "sluice");
    }
}
