package dev.sluice.bridge.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * How many connections PostgreSQL lets us have: the tightest limit of role, database and server, minus the connections
 * that others have open now. For a superuser only the limit of the server counts.
 *
 * @param what names the limit, so that an operator finds the setting that changes it
 * @param room how many connections we may have, including those we have now
 */
record ConnectionLimit(String what, int room) {
    private static final String SQL = """
            select r.rolname, d.datname, r.rolsuper, r.rolconnlimit, d.datconnlimit,
                   current_setting('max_connections')::int
                     - case when r.rolsuper then 0
                            else current_setting('superuser_reserved_connections')::int
                                 + coalesce(current_setting('reserved_connections', true)::int, 0) end as server_limit,
                   count(*) filter (where a.usesysid = r.oid) as role_sessions,
                   count(*) filter (where a.datid = d.oid) as database_sessions,
                   count(*) as server_sessions
            from pg_roles r, pg_database d, pg_stat_activity a
            where r.rolname = session_user and d.datname = current_database() and a.datid is not null
              and a.usesysid is not null and coalesce(a.backend_type, 'client backend') = 'client backend'
            group by r.oid, r.rolname, r.rolsuper, r.rolconnlimit, d.oid, d.datname, d.datconnlimit""";

    /**
     * Reads the limits.
     *
     * @param ours how many of the sessions of this role are ours
     */
    static ConnectionLimit read(Connection connection, int ours) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(SQL)) {
            row.next();
            var tightest = new ConnectionLimit(
                    "max_connections of the server", row.getInt("server_limit") - row.getInt("server_sessions") + ours);
            if (row.getBoolean("rolsuper")) {
                return tightest;
            }
            tightest = tightest.or(
                    "connection limit of role " + row.getString("rolname"),
                    row.getInt("rolconnlimit"),
                    row.getInt("role_sessions") - ours);
            return tightest.or(
                    "connection limit of database " + row.getString("datname"),
                    row.getInt("datconnlimit"),
                    row.getInt("database_sessions") - ours);
        }
    }

    /** Returns the tighter of this limit and another one. A negative {@code limit} does not exist. */
    private ConnectionLimit or(String other, int limit, int othersSessions) {
        int otherRoom = limit - Math.max(0, othersSessions);
        return limit >= 0 && otherRoom < room ? new ConnectionLimit(other, otherRoom) : this;
    }
}
