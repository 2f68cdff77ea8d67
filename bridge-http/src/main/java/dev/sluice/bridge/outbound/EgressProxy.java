package dev.sluice.bridge.outbound;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP proxy through which all calls go.
 *
 * @param host its name or address
 * @param port its port
 * @param authorization the value of {@code Proxy-Authorization}; null: none
 * @param resolves whether the proxy looks names up, and guards itself; else it gets addresses that were checked
 */
public record EgressProxy(String host, int port, @Nullable String authorization, boolean resolves) {
    /**
     * Parses {@code http://user:password@proxy.example:3128}.
     *
     * @throws IllegalArgumentException if it is no URL of a proxy; the message does not show the text
     */
    public static EgressProxy parse(String text) {
        try {
            URI uri = new URI(text).parseServerAuthority();
            if ("http".equalsIgnoreCase(uri.getScheme())
                    && uri.getHost() != null
                    && uri.getPort() > 0
                    && uri.getPath().length() <= 1) {
                String user = uri.getUserInfo();
                String authorization =
                        user == null ? null : "Basic " + Base64.getEncoder().encodeToString(user.getBytes(UTF_8));
                return new EgressProxy(uri.getHost(), uri.getPort(), authorization, false);
            }
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(wrong(), e);
        }
        throw new IllegalArgumentException(wrong());
    }

    private static String wrong() {
        return "must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT";
    }

    /** Sets whether the proxy looks names up. */
    public EgressProxy resolves(boolean value) {
        return new EgressProxy(host, port, authorization, value);
    }

    @Override
    public String toString() {
        return "http://" + host + ":" + port;
    }
}
