package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Checks the rights of a connection's role on a schema. If a right is missing, throws an {@link IllegalStateException}
 * whose message names the right and the role, and has the SQL statement with which the owner of the database grants it.
 */
final class SchemaRights {
    private static final Statements STATEMENTS = Statements.read("schema_rights.sql");

    /** The tables that a reader of messages needs, besides {@link QueueSchema#VERSIONS}. */
    private static final Set<String> MESSAGES = Set.of("queues", "partitions", "segments");

    private final Connection connection;
    private final String schema;
    private final String quotedSchema;
    private final Role role;

    /** The role of the connection, and the database; both quoted where needed. */
    private record Role(String name, String database, boolean mayCreateSchemas) {}

    /**
     * A table of the schema.
     *
     * @param missing the rights that the role lacks; empty: none
     */
    private record Table(String name, String owner, boolean owned, String missing) {}

    SchemaRights(Connection connection, String schema) throws SQLException {
        this.connection = connection;
        this.schema = schema;
        this.quotedSchema = Statements.quoted(schema);
        this.role = STATEMENTS
                .on(connection, "role")
                .first(row -> new Role(row.getString("role"), row.getString("database"), row.getBoolean("may_create")))
                .orElseThrow();
    }

    /** Returns whether the schema exists. Refuses a schema that the role may not use. */
    boolean exists() throws SQLException {
        Optional<Boolean> mayUse =
                STATEMENTS.on(connection, "schema").set("schema", schema).first(row -> row.getBoolean("may_use"));
        if (mayUse.isPresent() && !mayUse.get()) {
            throw missing(
                    "usage on schema " + quotedSchema,
                    "grant usage on schema " + quotedSchema + " to " + role.name() + ";");
        }
        return mayUse.isPresent();
    }

    /** Refuses to create a schema if the role may not create one. */
    void requireCreateSchema() {
        if (!role.mayCreateSchemas()) {
            throw missing(
                    "create on database " + role.database() + ", and there is no schema " + quotedSchema,
                    "create schema " + quotedSchema + " authorization " + role.name() + ";");
        }
    }

    /** Refuses to create tables in a schema if the role may not, and to change tables that it does not own. */
    void requireMigrate() throws SQLException {
        boolean mayCreate = STATEMENTS
                .on(connection, "schema")
                .set("schema", schema)
                .first(row -> row.getBoolean("may_create"))
                .orElse(true);
        if (!mayCreate) {
            throw missing(
                    "create on schema " + quotedSchema,
                    "grant usage, create on schema " + quotedSchema + " to " + role.name() + ";");
        }
        for (Table table : tables()) {
            if (QueueSchema.TABLES.contains(table.name()) && !table.owned()) {
                throw missing(
                        "ownership of table " + quotedSchema + "." + table.name(),
                        "grant " + table.owner() + " to " + role.name() + ";");
            }
        }
    }

    /** Refuses a role that may not read and write every table of the queue. */
    void requireTables() throws SQLException {
        List<Table> lacking = tables().stream()
                .filter(table -> QueueSchema.TABLES.contains(table.name()))
                .filter(table -> !table.missing().isEmpty())
                .toList();
        if (!lacking.isEmpty()) {
            Table first = lacking.get(0);
            String others = lacking.size() == 1 ? "" : " and on " + (lacking.size() - 1) + " more";
            throw missing(
                    first.missing() + " on table " + quotedSchema + "." + first.name() + others,
                    "grant select, insert, update, delete on all tables in schema " + quotedSchema + " to "
                            + role.name() + ";");
        }
    }

    /** Refuses a role that may not read which migrations were applied. */
    void requireVersion() throws SQLException {
        requireSelect(Set.of(QueueSchema.VERSIONS));
    }

    /** Refuses a role that may not read messages. */
    void requireMessages() throws SQLException {
        requireSelect(MESSAGES);
    }

    private void requireSelect(Set<String> names) throws SQLException {
        for (Table table : tables()) {
            if (names.contains(table.name()) && table.missing().contains("select")) {
                throw missing(
                        "select on table " + quotedSchema + "." + table.name(),
                        "grant select on all tables in schema " + quotedSchema + " to " + role.name() + ";");
            }
        }
    }

    private List<Table> tables() throws SQLException {
        return STATEMENTS
                .on(connection, "tables")
                .set("schema", schema)
                .list(row -> new Table(
                        row.getString("relname"),
                        row.getString("owner"),
                        row.getBoolean("owned"),
                        row.getString("missing")));
    }

    private IllegalStateException missing(String right, String statement) {
        return new IllegalStateException("the role " + role.name() + " lacks the right " + right
                + ". The owner of the database " + role.database() + " can run: " + statement);
    }
}
