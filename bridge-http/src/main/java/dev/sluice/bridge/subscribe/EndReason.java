package dev.sluice.bridge.subscribe;

import java.util.Locale;

/** Why the service ends a subscription. A subscriber may connect again with its last position. */
public enum EndReason {
    /** The client does not read as fast as messages come. */
    SLOW(4001),
    /** The messages that wait for all clients take more memory than allowed. */
    MEMORY(4002),
    /** The service stops. */
    STOPPING(1012);

    private final int closeCode;

    EndReason(int closeCode) {
        this.closeCode = closeCode;
    }

    /** Returns the status code of the close frame of a WebSocket (RFC 6455 §7.4). */
    public int closeCode() {
        return closeCode;
    }

    /** Returns the reason as clients and metrics see it. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
