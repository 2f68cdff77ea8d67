package dev.sluice.bridge.http;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.bridge.json.Utf8;
import dev.sluice.bridge.limits.InvalidRequestException;
import java.io.ByteArrayOutputStream;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * Refuses what Jetty and Javalin let through, although a client and a proxy may read it in another way than the
 * service:
 *
 * <ul>
 *   <li>another transfer coding than {@code chunked}: the service would take compressed bytes for the body;
 *   <li>a path with a segment {@code .} or {@code ..}: a proxy removes it, and addresses something else;
 *   <li>a query that is not percent-encoded UTF-8: a parameter would count as absent, and the request would be about
 *       every queue instead of one.
 * </ul>
 *
 * <p>Pure.
 */
public final class RequestSyntax {
    private static final String CHUNKED = "chunked";
    private static final String VERSION_WITHOUT_CODINGS = "HTTP/1.0";
    private static final Set<String> DOTS = Set.of(".", "..");
    /** What Jetty makes of bytes that are not UTF-8. */
    private static final char REPLACEMENT = '\ufffd';

    private static final int ESCAPE_LENGTH = "%2F".length();

    private RequestSyntax() {}

    /**
     * Checks a request.
     *
     * @throws InvalidRequestException (501) if the body has a transfer coding that the service does not know; (400) for
     *     any other fault
     */
    public static void check(Request request) {
        checkCodings(
                request.headers("Transfer-Encoding"),
                request.jetty().getConnectionMetaData().getProtocol());
        checkPath(request.path());
        String query = request.jetty().getHttpURI().getQuery();
        if (query != null) {
            checkQuery(query);
        }
    }

    private static void checkCodings(List<String> codings, String protocol) {
        if (codings.isEmpty()) {
            return;
        }
        if (protocol.equals(VERSION_WITHOUT_CODINGS)) {
            throw badRequest("A request of HTTP/1.0 must have a Content-Length instead of a Transfer-Encoding");
        }
        String all = String.join(", ", codings);
        if (!all.strip().equalsIgnoreCase(CHUNKED)) {
            throw InvalidRequestException.notImplemented(
                    "Transfer-Encoding must be chunked, was " + all + "; a compressed body has a Content-Encoding");
        }
    }

    private static void checkPath(String path) {
        if (!path.contains("/.")) {
            return;
        }
        for (String segment : path.split("/", -1)) {
            if (DOTS.contains(segment)) {
                throw badRequest("The path must not have the segment " + segment
                        + "; the dots of a name are %2E, because clients and proxies remove such a segment");
            }
        }
    }

    private static void checkQuery(String query) {
        for (String parameter : query.split("&", -1)) {
            if (!isDecodable(parameter)) {
                throw badRequest(
                        "The parameter " + parameter.split("=", 2)[0] + " of the query is not percent-encoded UTF-8");
            }
        }
    }

    private static boolean isDecodable(String parameter) {
        if (parameter.indexOf(REPLACEMENT) >= 0) {
            return false;
        }
        int escape = parameter.indexOf('%');
        if (escape < 0) {
            return true;
        }
        var decoded = new ByteArrayOutputStream(parameter.length());
        int plain = 0;
        while (escape >= 0) {
            decoded.writeBytes(parameter.substring(plain, escape).getBytes(UTF_8));
            plain = escape + ESCAPE_LENGTH;
            if (plain > parameter.length()
                    || !HexFormat.isHexDigit(parameter.charAt(escape + 1))
                    || !HexFormat.isHexDigit(parameter.charAt(escape + 2))) {
                return false;
            }
            decoded.write(HexFormat.fromHexDigits(parameter, escape + 1, plain));
            escape = parameter.indexOf('%', plain);
        }
        decoded.writeBytes(parameter.substring(plain).getBytes(UTF_8));
        return Utf8.firstInvalid(decoded.toByteArray()) < 0;
    }
}
