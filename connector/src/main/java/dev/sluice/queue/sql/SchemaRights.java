package dev.sluice.queue.sql;

import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What the role of a connection may do with a schema. A right that is missing is an {@link IllegalStateException}. Its
 * message names the right and the role, and has the SQL statements that grant the right, for the owner of the database
 * to run.
 */
final class SchemaRights {
    private static final Sql ROLE = Sql.parse("""
            select quote_ident(current_user) as role, quote_ident(current_database()) as database,
              has_database_privilege(current_database(), 'CREATE') as may_create""");

    private static final Sql SCHEMA = Sql.parse("""
            select has_schema_privilege(n.oid, 'USAGE') as may_use, has_schema_privilege(n.oid, 'CREATE') as may_create
            from pg_namespace n where n.nspname = :schema""");

    /** Tables by name, each with the rights that are missing. */
    private static final Sql TABLES = Sql.parse("""
            select c.relname, quote_ident(pg_get_userbyid(c.relowner)) as owner,
              pg_has_role(c.relowner, 'USAGE') as owned,
              array_to_string(array(
                select lower(wanted) from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) wanted
                where not has_table_privilege(c.oid, wanted)), ', ') as missing
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = :schema and c.relkind in ('r', 'p') order by c.relname""");

    /** What a reader of messages needs, besides {@link QueueSchema#VERSIONS}. */
    private static final Set<String> MESSAGES = Set.of("queues", "partitions", "segments");

    private final Connection connection;
    private final String schema;
    private final String quotedSchema;
    private final String role;
    private final String database;
    private final boolean mayCreateSchemas;

    SchemaRights(Connection connection, String schema) throws SQLException {
        this.connection = connection;
        this.schema = schema;
        quotedSchema = "\"" + schema.replace("\"", "\"\"") + "\"";
        try (var statement = new BoundStatement(connection, ROLE);
                ResultSet row = statement.query()) {
            row.next();
            role = row.getString("role");
            database = row.getString("database");
            mayCreateSchemas = row.getBoolean("may_create");
        }
    }

    /** Returns whether there is such a schema. Refuses one that the role may not use. */
    boolean exists() throws SQLException {
        try (var statement = new BoundStatement(connection, SCHEMA).set("schema", schema);
                ResultSet row = statement.query()) {
            if (!row.next()) {
                return false;
            }
            if (!row.getBoolean("may_use")) {
                throw missing(
                        "usage on schema " + quotedSchema,
                        "grant usage on schema " + quotedSchema + " to " + role + ";");
            }
            return true;
        }
    }

    /** Refuses to create a schema that the role may not create. */
    void requireCreateSchema() {
        if (!mayCreateSchemas) {
            throw missing(
                    "create on database " + database + ", and there is no schema " + quotedSchema,
                    "create schema " + quotedSchema + " authorization " + role + ";");
        }
    }

    /** Refuses to create tables in a schema where the role may not, or to change tables that are not its own. */
    void requireMigrate() throws SQLException {
        try (var statement = new BoundStatement(connection, SCHEMA).set("schema", schema);
                ResultSet row = statement.query()) {
            if (row.next() && !row.getBoolean("may_create")) {
                throw missing(
                        "create on schema " + quotedSchema,
                        "grant usage, create on schema " + quotedSchema + " to " + role + ";");
            }
        }
        try (var statement = new BoundStatement(connection, TABLES).set("schema", schema);
                ResultSet row = statement.query()) {
            while (row.next()) {
                if (QueueSchema.TABLES.contains(row.getString("relname")) && !row.getBoolean("owned")) {
                    throw missing(
                            "ownership of table " + quotedSchema + "." + row.getString("relname"),
                            "grant " + row.getString("owner") + " to " + role + ";");
                }
            }
        }
    }

    /** Refuses when the role may not read and write every table of the queue. */
    void requireTables() throws SQLException {
        var lacking = new ArrayList<String>();
        try (var statement = new BoundStatement(connection, TABLES).set("schema", schema);
                ResultSet row = statement.query()) {
            while (row.next()) {
                if (QueueSchema.TABLES.contains(row.getString("relname"))
                        && !row.getString("missing").isEmpty()) {
                    lacking.add(
                            row.getString("missing") + " on table " + quotedSchema + "." + row.getString("relname"));
                }
            }
        }
        if (!lacking.isEmpty()) {
            throw missing(
                    lacking.get(0) + others(lacking),
                    "grant select, insert, update, delete on all tables in schema " + quotedSchema + " to " + role
                            + ";");
        }
    }

    /** Refuses when the role may not read which migrations were applied. */
    void requireVersion() throws SQLException {
        requireSelect(Set.of(QueueSchema.VERSIONS));
    }

    /** Refuses when the role may not read messages. */
    void requireMessages() throws SQLException {
        requireSelect(MESSAGES);
    }

    private void requireSelect(Set<String> tables) throws SQLException {
        try (var statement = new BoundStatement(connection, TABLES).set("schema", schema);
                ResultSet row = statement.query()) {
            while (row.next()) {
                String table = row.getString("relname");
                if (tables.contains(table) && row.getString("missing").contains("select")) {
                    throw missing(
                            "select on table " + quotedSchema + "." + table,
                            "grant select on all tables in schema " + quotedSchema + " to " + role + ";");
                }
            }
        }
    }

    private static String others(List<String> lacking) {
        return lacking.size() == 1 ? "" : " and on " + (lacking.size() - 1) + " more";
    }

    private IllegalStateException missing(String right, String statement) {
        return new IllegalStateException("the role " + role + " lacks the right " + right
                + ". The owner of the database " + database + " can run: " + statement);
    }
}
