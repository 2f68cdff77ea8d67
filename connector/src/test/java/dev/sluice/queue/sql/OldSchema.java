package dev.sluice.queue.sql;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.sql.DataSource;

/** The schema as an earlier version of the program left it. */
public final class OldSchema {
    private OldSchema() {}

    /** Makes the schema {@code sluice} of version 1. */
    public static void apply(DataSource dataSource) {
        new QueueSchema(List.of(Migration.read("001_initial.sql")), 14).applyTo(dataSource, "sluice");
    }

    /**
     * Makes the schema {@code sluice} with the migrations of a directory, in the order of their names.
     *
     * @return the version of the schema
     */
    public static int apply(DataSource dataSource, Path migrations) throws IOException {
        var steps = new ArrayList<Migration>();
        try (Stream<Path> files = Files.list(migrations)) {
            for (Path file : files.sorted().toList()) {
                steps.add(new Migration(file.getFileName().toString(), Files.readString(file)));
            }
        }
        new QueueSchema(steps, 14).applyTo(dataSource, "sluice");
        return steps.size();
    }
}
