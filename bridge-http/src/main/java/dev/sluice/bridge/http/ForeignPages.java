package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Refuses requests that a page of another web site makes a browser send. A browser sends a {@code GET}, or a
 * {@code POST} of plain text, to any address without a preflight. Two headers show where the request comes from:
 *
 * <ul>
 *   <li>{@code Sec-Fetch-Site: cross-site} or {@code same-site}: the page has another origin. A browser sends the
 *       header to localhost and to https addresses.
 *   <li>{@code Origin}: the origin of the page, {@code null} for one that hides it.
 * </ul>
 *
 * <p>Requests that change or pop are refused if one of the headers names another origin: one whose host and port are
 * neither those of {@code Host} nor those of {@code http.public.url}, and that {@code cors.origins} does not list. A
 * missing header passes: command lines and client libraries send neither.
 *
 * <p>A page can also let its own name resolve to 127.0.0.1 (DNS rebinding). The browser then takes the service for the
 * server of the page, and the two headers show nothing. Only {@code Host} still has the name. So a service that listens
 * on a loopback address answers only if {@code Host} is a name of the local machine, or the host of
 * {@code http.public.url} or of an entry of {@code cors.origins}.
 */
public final class ForeignPages {
    private static final String ORIGIN = "Origin";
    private static final String FETCH_SITE = "Sec-Fetch-Site";
    private static final Set<String> OTHER_SITES = Set.of("cross-site", "same-site");
    private static final Set<String> LOCAL_NAMES = Set.of("localhost", "127.0.0.1", "[::1]");
    private static final Pattern HOST = Pattern.compile("(\\[[^\\]]*]|[^:\\[\\]]*)(?::[0-9]*)?");

    private final String listensOn;
    private final boolean loopback;
    private final TrustedOrigins trusted;
    private final TrustedOrigins own;
    private final RequestBodies bodies;
    /** The host of an earlier request, because most requests name the same. */
    private volatile @Nullable String lastOfOurs;

    /**
     * Configures the check.
     *
     * @param listensOn address the service listens on
     * @param pages that may use the service
     * @param bodies reads the body of a refused request
     */
    public ForeignPages(String listensOn, WebPages pages, RequestBodies bodies) {
        this.listensOn = bracketed(listensOn);
        this.loopback = isLoopback(listensOn);
        this.trusted = pages.trusted();
        this.own = pages.own();
        this.bodies = bodies;
    }

    private static boolean isLoopback(String host) {
        try {
            return InetAddress.getByName(host).isLoopbackAddress();
        } catch (UnknownHostException e) {
            return false; // The server cannot listen on an unknown host either.
        }
    }

    private static String bracketed(String host) {
        String lower = host.toLowerCase(Locale.ROOT);
        return lower.indexOf(':') >= 0 && !lower.startsWith("[") ? "[" + lower + "]" : lower;
    }

    /**
     * Returns an endpoint that answers 403 to a request that a foreign page may have caused, and lets every other
     * request through to {@code endpoint}.
     *
     * @param changes whether the endpoint changes or pops something
     */
    public Endpoint protect(boolean changes, Endpoint endpoint) {
        return request -> {
            try {
                // A browser opens a WebSocket for any page, and no CORS keeps its messages from the page.
                check(request, changes || WebSocketHandshake.isIn(request));
            } catch (InvalidRequestException refusal) {
                return bodies.refuse(request, refusal);
            }
            return endpoint.handle(request);
        };
    }

    /**
     * Checks a request.
     *
     * @param changes whether the request changes or pops something
     * @throws InvalidRequestException with status 403 if a foreign page may have caused it
     */
    private void check(Request request, boolean changes) {
        String host = request.header("Host");
        if (loopback && host != null && !isOurs(host)) {
            throw InvalidRequestException.refused("The service listens on " + listensOn
                    + " only, so Host must be localhost, 127.0.0.1, [::1], or the host of http.public.url or of an entry"
                    + " of cors.origins, was "
                    + host);
        }
        if (changes) {
            checkPage(request, host);
        }
    }

    private boolean isOurs(String host) {
        if (host.equals(lastOfOurs)) {
            return true;
        }
        boolean isOurs = matchesOurs(host);
        if (isOurs) {
            lastOfOurs = host;
        }
        return isOurs;
    }

    private boolean matchesOurs(String host) {
        Matcher parts = HOST.matcher(host.toLowerCase(Locale.ROOT));
        if (!parts.matches()) {
            return false;
        }
        return LOCAL_NAMES.contains(parts.group(1))
                || parts.group(1).equals(listensOn)
                || own.hasHost(host)
                || trusted.hasHost(host);
    }

    private void checkPage(Request request, @Nullable String host) {
        boolean listed = trusted.all();
        for (String origin : request.headers(ORIGIN)) {
            boolean ofService = own.contains(origin) || (host != null && TrustedOrigins.isOfHost(origin, host));
            if (!ofService && !trusted.contains(origin)) {
                throw foreign(ORIGIN, origin);
            }
            listed |= trusted.contains(origin);
        }
        for (String site : request.headers(FETCH_SITE)) {
            if (!listed && OTHER_SITES.contains(site.strip().toLowerCase(Locale.ROOT))) {
                throw foreign(FETCH_SITE, site);
            }
        }
    }

    private static InvalidRequestException foreign(String header, String value) {
        return InvalidRequestException.refused("A page of another origin may not change or pop anything (" + header
                + ": " + value + "); add its origin to cors.origins to allow it");
    }
}
