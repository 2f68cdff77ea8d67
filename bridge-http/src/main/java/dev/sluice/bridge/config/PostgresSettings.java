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
            "The JDBC address of a PostgreSQL server, `jdbc:postgresql://host:port/database`. It must not have a user"
                    + " and password before the host. If not set, the service runs its own PostgreSQL in `data.dir`.");
    static final Key<Optional<String>> USER =
            GROUP.optional("connection.user", "The user for `connection.url`. It overrides a user in the address.");
    static final Key<Optional<String>> PASSWORD = GROUP.secret(
            "connection.password",
            "The password for `connection.url`. It overrides a password in the address. The service never logs it."
                    + " Write `$${` for `${` in a password. The service uses the target of `${env:…}` or `${file:…}`"
                    + " as it is.");
    static final Key<String> SCHEMA =
            GROUP.text("queue.schema", "sluice", PostgresSettings::checkSchema, "The schema that holds the queue.");
    static final Key<Boolean> APPLY = GROUP.flag(
            "schema.apply",
            true,
            "Whether the service creates and upgrades the schema at start. If the schema exists and belongs to the"
                    + " role, the service uses it, so the role needs no right to create schemas. If `false`, the"
                    + " service only checks the schema. Set `false` for a role that may create nothing.");
    static final Key<Integer> PORT = GROUP.integer(
            "postgres.port",
            0,
            0,
            MAX_PORT,
            "The port of the service's own PostgreSQL, on 127.0.0.1. If 0, the service takes a free port and keeps it"
                    + " as long as it stays free.");

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
