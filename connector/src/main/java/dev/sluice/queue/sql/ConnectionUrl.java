package dev.sluice.queue.sql;

import java.math.BigInteger;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.StringJoiner;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGProperty;

/**
 * Splits the JDBC URL of a PostgreSQL server into the parts that may be shown and the secrets. The driver gets
 * {@link #address}, which holds no secret, and the secrets separately. So neither an exception nor a log line of the
 * driver or a pool can show a secret.
 *
 * <p>No message of this class quotes the URL: the text may be a password in the wrong place.
 */
public final class ConnectionUrl {
    /** Replaces a secret in logs. */
    public static final String HIDDEN = "[hidden]";

    private static final String PREFIX = "jdbc:postgresql:";
    private static final String EXAMPLE = "jdbc:postgresql://host:5432/database";
    /** Parameters that accept more values than the driver lists. */
    private static final Set<PGProperty> LENIENT =
            EnumSet.of(PGProperty.REQUIRE_AUTH, PGProperty.CLEANUP_SAVEPOINTS, PGProperty.LOGIN_TIMEOUT);

    private static final int MAX_PORT = 65_535;
    private static final Pattern INTEGER = Pattern.compile("-?[0-9]{1,20}");

    private final String server;
    private final List<Parameter> parameters;

    private ConnectionUrl(String server, List<Parameter> parameters) {
        this.server = server;
        this.parameters = List.copyOf(parameters);
    }

    /**
     * A parameter of the driver.
     *
     * @param written the parameter as it is written in the URL
     */
    private record Parameter(String name, String value, String written) {
        /**
         * Returns whether the value must not be shown. A parameter that the driver does not know may be a misspelt
         * password.
         */
        boolean hides() {
            String lower = name.toLowerCase(Locale.ROOT);
            return PGProperty.forName(name) == null || lower.contains("password") || lower.endsWith("arg");
        }

        boolean isSecret() {
            return name.toLowerCase(Locale.ROOT).contains("password");
        }

        boolean is(PGProperty property) {
            return name.equals(property.getName());
        }
    }

    /**
     * Reads a URL.
     *
     * @throws IllegalArgumentException if the driver would not understand it, for instance because a user and a
     *     password precede the host
     */
    public static ConnectionUrl parse(String text) {
        if (!text.startsWith(PREFIX)) {
            throw new IllegalArgumentException("must start with " + PREFIX + "//, as " + EXAMPLE
                    + " does; user and password belong into connection.user and connection.password");
        }
        int question = text.indexOf('?');
        String server = question < 0 ? text : text.substring(0, question);
        checkServer(server.substring(PREFIX.length()));
        List<Parameter> parameters = question < 0 ? List.of() : parameters(text.substring(question + 1));
        return new ConnectionUrl(server, parameters);
    }

    private static void checkServer(String server) {
        if (server.indexOf('@') >= 0) {
            throw new IllegalArgumentException("must not hold a user or a password before the host; set connection.user"
                    + " and connection.password, and write an @ elsewhere as %40");
        }
        if (server.chars().anyMatch(c -> Character.isWhitespace(c) || Character.isISOControl(c))) {
            throw new IllegalArgumentException("must not hold a space or a control character");
        }
        String database = server;
        if (server.startsWith("//")) {
            int slash = server.indexOf('/', 2);
            if (slash < 0 || slash != server.lastIndexOf('/')) {
                throw new IllegalArgumentException(
                        "must have exactly one / behind the host, before the name of the database: " + EXAMPLE);
            }
            checkHosts(server.substring(2, slash));
            database = server.substring(slash + 1);
        }
        if (database.indexOf('/') >= 0) {
            throw new IllegalArgumentException("must have // before the host: " + EXAMPLE);
        }
        if (database.chars().anyMatch(c -> ";&=".indexOf(c) >= 0)) {
            throw new IllegalArgumentException("must have its parameters behind a ?, with an & between them: " + EXAMPLE
                    + "?ssl=true&connectTimeout=5");
        }
        decoded(database);
    }

    private static void checkHosts(String hosts) {
        for (String host : hosts.split(",", -1)) {
            int bracket = host.lastIndexOf(']');
            int colon = host.lastIndexOf(':');
            if (host.startsWith("[") != bracket > 0
                    || (bracket < 0 && colon != host.indexOf(':'))
                    || (bracket > 0 && bracket != host.length() - 1 && colon != bracket + 1)) {
                throw new IllegalArgumentException(
                        "must have host:port between // and /, an IPv6 address in brackets: " + EXAMPLE);
            }
            if (colon > bracket && !isPort(host.substring(colon + 1))) {
                throw new IllegalArgumentException("must have a port from 1 to " + MAX_PORT + ": " + EXAMPLE);
            }
        }
    }

    private static boolean isPort(String text) {
        return text.matches("[0-9]{1,5}") && Integer.parseInt(text) >= 1 && Integer.parseInt(text) <= MAX_PORT;
    }

    private static List<Parameter> parameters(String text) {
        var parameters = new ArrayList<Parameter>();
        for (String each : text.split("&", -1)) {
            if (!each.isEmpty()) {
                int equals = each.indexOf('=');
                String name = equals < 0 ? each : each.substring(0, equals);
                var parameter = new Parameter(name, equals < 0 ? "" : decoded(each.substring(equals + 1)), each);
                check(parameter);
                parameters.add(parameter);
            }
        }
        return parameters;
    }

    /** Checks a parameter here, because the driver reports a wrong one as if the server were unreachable. */
    private static void check(Parameter parameter) {
        PGProperty property = PGProperty.forName(parameter.name());
        if (property == null || parameter.isSecret() || LENIENT.contains(property)) {
            return;
        }
        String[] choices = property.getChoices();
        if (choices != null && Arrays.stream(choices).noneMatch(parameter.value()::equalsIgnoreCase)) {
            throw new IllegalArgumentException(
                    "has the parameter " + property.getName() + ", which must be one of " + String.join(", ", choices));
        }
        String byDefault = property.getDefaultValue();
        if (byDefault != null && INTEGER.matcher(byDefault).matches() && !isInteger(parameter.value())) {
            throw new IllegalArgumentException(
                    "has the parameter " + property.getName() + ", which must be an integer");
        }
    }

    private static boolean isInteger(String text) {
        return INTEGER.matcher(text).matches() && new BigInteger(text).bitLength() < Integer.SIZE;
    }

    /** Decodes text as the driver does. */
    private static String decoded(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            // The cause is dropped, because its message quotes the text.
            throw new IllegalArgumentException("has a % that no two hexadecimal digits follow; write a % as %25");
        }
    }

    /** Returns the URL for the driver, without user, password and other secrets. */
    public String address() {
        var kept = new StringJoiner("&", "?", "").setEmptyValue("");
        for (Parameter each : parameters) {
            if (!each.isSecret() && !each.is(PGProperty.USER)) {
                kept.add(each.written());
            }
        }
        return server + kept;
    }

    /**
     * Returns the user, the password and the other secrets, which the driver needs besides {@link #address}.
     *
     * @param user overrides the user in the URL; null: does not
     * @param password overrides the password in the URL; null: does not
     */
    public Properties secrets(@Nullable String user, @Nullable String password) {
        var properties = new Properties();
        for (Parameter each : parameters) {
            if (each.isSecret() || each.is(PGProperty.USER)) {
                properties.setProperty(each.name(), each.value());
            }
        }
        if (user != null) {
            properties.setProperty(PGProperty.USER.getName(), user);
        }
        if (password != null) {
            properties.setProperty(PGProperty.PASSWORD.getName(), password);
        }
        return properties;
    }

    /** Returns whether the URL sets a parameter of the driver. */
    public boolean sets(PGProperty property) {
        return parameters.stream().anyMatch(each -> each.is(property));
    }

    /** Returns the server and the database, without parameters. */
    public String server() {
        return server;
    }

    /** Returns the URL for logs, with secrets and unknown parameters hidden. */
    @Override
    public String toString() {
        var shown = new StringJoiner("&", "?", "").setEmptyValue("");
        for (Parameter each : parameters) {
            shown.add(each.hides() ? shownName(each) + "=" + HIDDEN : each.written());
        }
        return server + shown;
    }

    /** Hides the name, too, if it may be the rest of a password that contains an ampersand. */
    private static String shownName(Parameter parameter) {
        return parameter.written().indexOf('=') < 0 || !parameter.name().matches("[A-Za-z_]{1,40}")
                ? "…"
                : parameter.name();
    }

    /** Returns the text for logs of a URL that may be invalid. */
    public static String shown(String text) {
        return read(text).map(ConnectionUrl::toString).orElse(HIDDEN);
    }

    private static Optional<ConnectionUrl> read(String text) {
        try {
            return Optional.of(parse(text));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
