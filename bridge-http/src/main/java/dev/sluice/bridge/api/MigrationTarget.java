package dev.sluice.bridge.api;

import static dev.sluice.bridge.api.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Another database, as a client describes it.
 *
 * <pre>{@code
 * {"host": "db2.example.com", "port": "5432", "database": "sluice", "user": "sluice", "password": "…", "ssl": false}
 * }</pre>
 *
 * @param ssl whether the connection must be encrypted
 */
record MigrationTarget(
        String host,
        int port,
        String database,
        String user,
        @Nullable String password,
        boolean ssl) {
    /** How long a server may say nothing. */
    static final int SILENCE_MILLIS = 600_000;

    private static final int USUAL_PORT = 5432;
    private static final int MAX_PORT = 65_535;
    private static final int CONNECT_SECONDS = 10;

    /** Reads it; throws {@link InvalidRequestException} (400), naming the field, if it is not as above. */
    static MigrationTarget of(JsonRequest body) {
        return new MigrationTarget(
                name(body, "host"),
                port(body.value("port")),
                name(body, "database"),
                name(body, "user"),
                body.text("password"),
                body.flag("ssl", false));
    }

    private static String name(JsonRequest body, String field) {
        return Parameters.name(field, body.requiredText(field));
    }

    private static int port(@Nullable JsonNode value) {
        if (value == null) {
            return USUAL_PORT;
        }
        String text = value.isTextual() || value.isIntegralNumber() ? value.asText() : "";
        if (text.matches("[0-9]{1,5}")) {
            int port = Integer.parseInt(text);
            if (port >= 1 && port <= MAX_PORT) {
                return port;
            }
        }
        throw badRequest("port must be 1 to " + MAX_PORT);
    }

    /** Opens a connection to it. */
    Connection connect() throws SQLException {
        var dataSource = new PGSimpleDataSource();
        dataSource.setServerNames(new String[] {host});
        dataSource.setPortNumbers(new int[] {port});
        dataSource.setDatabaseName(database);
        dataSource.setUser(user);
        dataSource.setPassword(password);
        dataSource.setSslMode(ssl ? "require" : "prefer");
        dataSource.setApplicationName("sluice-migration");
        dataSource.setConnectTimeout(CONNECT_SECONDS);
        dataSource.setLoginTimeout(CONNECT_SECONDS);
        dataSource.setTcpKeepAlive(true);
        dataSource.setLogServerErrorDetail(false); // Details of errors have values of rows.
        Connection connection = dataSource.getConnection();
        connection.setNetworkTimeout(Runnable::run, SILENCE_MILLIS);
        return connection;
    }

    /** Shows neither user nor password. */
    @Override
    public String toString() {
        return host + ":" + port + "/" + database;
    }
}
