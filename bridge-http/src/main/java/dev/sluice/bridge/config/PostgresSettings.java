package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.MAX_PORT;

import dev.sluice.bridge.postgres.Database;
import dev.sluice.queue.sql.ConnectionUrl;
import dev.sluice.queue.sql.QueueSchema;
import java.util.Optional;

/**
 * Settings of the database.
 *
 * @param server the PostgreSQL server to use; empty: the service runs one of its own
 * @param schema the schema of the queue, {@code queue.schema}
 * @param appliesSchema whether to create and upgrade the schema, {@code schema.apply}
 * @param port port of the service's own server, {@code postgres.port}; 0 for a free one
 */
public record PostgresSettings(Optional<Database.Address> server, String schema, boolean appliesSchema, int port) {
    static final KeyGroup GROUP = new KeyGroup("Database");

    static final Key<Optional<String>> URL = GROUP.optional(
            "connection.url",
            ConnectionUrl::parse,
            ConnectionUrl::shown,
            "JDBC address of a PostgreSQL server, `jdbc:postgresql://host:port/database`. It has no user and"
                    + " password before the host. Not set: the service runs a PostgreSQL of its own in `data.dir`.");
    static final Key<Optional<String>> USER =
            GROUP.optional("connection.user", "User for `connection.url`. Wins over a user in the address.");
    static final Key<Optional<String>> PASSWORD = GROUP.secret(
            "connection.password",
            "Password for `connection.url`. Wins over a password in the address. Never logged. `${` in it is"
                    + " written `$${`; what `${env:…}` or `${file:…}` leads to is taken as it is.");
    static final Key<String> SCHEMA =
            GROUP.text("queue.schema", "sluice", PostgresSettings::checkSchema, "Schema that holds the queue.");
    static final Key<Boolean> APPLY = GROUP.flag(
            "schema.apply",
            true,
            "Whether to create and upgrade the schema at start. A schema that exists and belongs to the role is"
                    + " used, so the role need not be allowed to create schemas. `false` for a role that may create"
                    + " nothing: the schema is checked only.");
    static final Key<Integer> PORT = GROUP.integer(
            "postgres.port",
            0,
            0,
            MAX_PORT,
            "Port of the service's own PostgreSQL, on 127.0.0.1. 0 takes a free one and keeps it as long as it"
                    + " stays free.");

    static PostgresSettings of(Values values) {
        Optional<Database.Address> server = values.get(URL)
                .map(url -> new Database.Address(
                        url, values.get(USER).orElse(null), values.get(PASSWORD).orElse(null)));
        return new PostgresSettings(server, values.get(SCHEMA), values.get(APPLY), values.get(PORT));
    }

    private static void checkSchema(String name) {
        if (!QueueSchema.isPossibleName(name)) {
            throw new IllegalArgumentException(
                    "must be 1 to 63 lower-case letters, digits and _, not starting with a digit, was " + name);
        }
    }
}
