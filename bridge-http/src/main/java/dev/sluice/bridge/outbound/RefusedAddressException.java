package dev.sluice.bridge.outbound;

import java.io.IOException;

/** A name has no address that may be connected to. */
final class RefusedAddressException extends IOException {
    private static final long serialVersionUID = 1L;

    RefusedAddressException(String message) {
        super(message);
    }
}
