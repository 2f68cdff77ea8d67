package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.queue.sql.SessionSettings;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Another database, as described by a client.
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
    /** The longest silence of a server. */
    static final int SILENCE_MILLIS = 600_000;

    private static final int USUAL_PORT = 5432;
    private static final int MAX_PORT = 65_535;
    private static final int CONNECT_SECONDS = 10;

    /** The driver puts the host unchanged into an address, so the host must not contain a separator. */
    private static final Pattern HOST =
            Pattern.compile("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9]+)?");

    /** Reads the fields above. Throws {@link InvalidRequestException} (400), naming the field, if one is not valid. */
    static MigrationTarget of(JsonRequest body) {
        return new MigrationTarget(
                host(name(body, "host")),
                port(body.value("port")),
                name(body, "database"),
                name(body, "user"),
                body.text("password"),
                body.flag("ssl", false));
    }

    private static String name(JsonRequest body, String field) {
        return Parameters.name(field, body.requiredText(field));
    }

    /** Returns the host for an address: a name, an IPv4 address, or an IPv6 address in brackets. */
    private static String host(String given) {
        String host = given.startsWith("[") && given.endsWith("]") ? given.substring(1, given.length() - 1) : given;
        boolean inBrackets = !host.equals(given);
        if (!HOST.matcher(host).matches() || (inBrackets && host.indexOf(':') < 0)) {
            throw badRequest("host must be the name or the address of one machine");
        }
        return host.indexOf(':') >= 0 ? "[" + host + "]" : host;
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

    /** Opens a connection to the database. */
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
        dataSource.setLogServerErrorDetail(false); // Details of errors contain values of rows.
        Connection connection = dataSource.getConnection();
        try {
            connection.setNetworkTimeout(Runnable::run, SILENCE_MILLIS);
            SessionSettings.begin(connection, Duration.ZERO);
            return connection;
        } catch (SQLException | RuntimeException | Error e) {
            try (connection) {
                throw e;
            }
        }
    }

    /** Omits user and password. */
    @Override
    public String toString() {
        return host + ":" + port + "/" + database;
    }
}
