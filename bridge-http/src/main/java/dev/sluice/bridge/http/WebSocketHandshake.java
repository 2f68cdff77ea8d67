package dev.sluice.bridge.http;

import java.util.List;
import java.util.Locale;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;

/**
 * A request that asks for a WebSocket. Its headers are hidden, so that it is a plain request, until an endpoint takes
 * it. Without this, Javalin would answer 404 before any of our checks, and would keep a session of each handshake. A
 * server may ignore an upgrade, so every other route answers as to a plain request.
 */
public final class WebSocketHandshake extends Request.Wrapper {
    private static final List<HttpHeader> HIDDEN =
            List.of(HttpHeader.SEC_WEBSOCKET_VERSION, HttpHeader.SEC_WEBSOCKET_KEY, HttpHeader.UPGRADE);
    private static final String VERSION = "13";

    private final HttpFields all;
    private final HttpFields plain;
    private volatile boolean taken;

    private WebSocketHandshake(Request request) {
        super(request);
        all = request.getHeaders();
        HttpFields.Mutable rest = HttpFields.build(all);
        HIDDEN.forEach(rest::remove);
        plain = rest.asImmutable();
    }

    /** Returns a request whose handshake, if it has one, is hidden. */
    public static Request hide(Request request) {
        return request.getHeaders().contains(HttpHeader.SEC_WEBSOCKET_VERSION)
                        || request.getHeaders().contains(HttpHeader.SEC_WEBSOCKET_KEY)
                ? new WebSocketHandshake(request)
                : request;
    }

    /** Returns whether a request asks for a WebSocket that this service can open (RFC 6455 §4.2.1). */
    public static boolean isIn(dev.sluice.bridge.http.Request request) {
        WebSocketHandshake handshake = Request.as(request.jetty(), WebSocketHandshake.class);
        if (handshake == null) {
            return false;
        }
        HttpField upgrade = handshake.all.getField(HttpHeader.UPGRADE);
        return upgrade != null
                && upgrade.getValue().toLowerCase(Locale.ROOT).equals("websocket")
                && VERSION.equals(handshake.all.get(HttpHeader.SEC_WEBSOCKET_VERSION))
                && handshake.all.contains(HttpHeader.SEC_WEBSOCKET_KEY);
    }

    /** Shows the headers again. */
    public static void take(Request request) {
        WebSocketHandshake handshake = Request.as(request, WebSocketHandshake.class);
        if (handshake != null) {
            handshake.taken = true;
        }
    }

    @Override
    public HttpFields getHeaders() {
        return taken ? all : plain;
    }
}
