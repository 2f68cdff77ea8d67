package dev.sluice.bridge.http;

import java.util.Set;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.server.Request;

/**
 * Reads the forms of a request's address (RFC 9112 §3.2) so that all code behind it sees a path and a {@code Host}:
 *
 * <ul>
 *   <li>If the address is a URL, its host counts, and the header {@code Host} does not.
 *   <li>{@code OPTIONS *} asks about the whole server. It is answered as {@code OPTIONS /}.
 * </ul>
 */
public final class RequestTargets {
    private static final Set<String> SCHEMES = Set.of("http", "https");
    private static final String WHOLE_SERVER = "*";

    private RequestTargets() {}

    /**
     * Returns the request as all code behind the server sees it.
     *
     * @throws HttpException.RuntimeException if the address is a URL of another scheme than http and https, or has no
     *     host
     */
    public static Request read(Request request, HttpFields.Mutable responseHeaders) {
        HttpURI address = request.getHttpURI();
        if (HttpMethod.OPTIONS.is(request.getMethod()) && WHOLE_SERVER.equals(address.getPath())) {
            return Request.serveAs(
                    request, HttpURI.build(address).path("/").query(null).asImmutable());
        }
        String scheme = address.getScheme();
        if (scheme != null && !SCHEMES.contains(scheme)) {
            throw new HttpException.RuntimeException(
                    HttpStatus.BAD_REQUEST_400, "The address must be a path or a URL of http, was one of " + scheme);
        }
        String authority = address.getAuthority();
        String host = request.getHeaders().get(HttpHeader.HOST);
        if (authority == null || host == null || authority.equalsIgnoreCase(host)) {
            return request;
        }
        if (address.getHost() == null || address.getHost().isEmpty()) {
            throw new HttpException.RuntimeException(
                    HttpStatus.BAD_REQUEST_400, "The address must have a host behind " + scheme + "://");
        }
        return withHost(request, authority);
    }

    private static Request withHost(Request request, String host) {
        HttpFields headers = HttpFields.build(request.getHeaders())
                .put(HttpHeader.HOST, host)
                .asImmutable();
        return new Request.Wrapper(request) {
            @Override
            public HttpFields getHeaders() {
                return headers;
            }
        };
    }
}
