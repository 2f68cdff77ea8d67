package dev.sluice.bridge.outbound;

import java.io.IOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;

/** A call without an answer, or with an answer that did not end. */
public final class CallFailure extends Exception {
    private static final long serialVersionUID = 1L;

    /** What went wrong. */
    public enum Kind {
        /** The address or the scheme is not allowed. Nothing was connected to. */
        REFUSED,
        /** The name has no address. */
        LOOKUP,
        /** There is no connection. */
        CONNECT,
        /** The certificate is not trusted or is of another name, or TLS failed otherwise. */
        TLS,
        /** The answer did not come, or did not end, in time. */
        TIMEOUT,
        /** The target closed the connection before the answer had ended, or what it sent is no HTTP. */
        BROKEN,
        /** This process stops. */
        STOPPED
    }

    private static final String STOPS = "the service stops";

    private final Kind kind;
    private final int status;

    CallFailure(Kind kind, int status, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
        this.status = status;
    }

    /** Returns what went wrong. */
    public Kind kind() {
        return kind;
    }

    /** Returns the status of the answer, if it had begun; else 0. */
    public int status() {
        return status;
    }

    /** Returns what has really failed. */
    static Throwable cause(Throwable problem) {
        return problem instanceof CompletionException && problem.getCause() != null ? problem.getCause() : problem;
    }

    /** Returns the failure of a call that was not made, or not to its end, because the client has stopped. */
    static CallFailure stopped(Throwable cause) {
        return new CallFailure(Kind.STOPPED, 0, STOPS, cause);
    }

    /** Explains a failure of the client. */
    static CallFailure of(OutboundUrl url, int status, Throwable failure) {
        Kind kind = kind(failure);
        String what = switch (kind) {
            case REFUSED -> text(failure);
            case LOOKUP -> "the name " + url.host() + " has no address";
            case CONNECT -> "cannot connect to " + url.hostAndPort() + ": " + text(failure);
            case TLS -> "TLS with " + url.hostAndPort() + " failed: " + text(failure);
            case TIMEOUT ->
                status == 0
                        ? "no answer from " + url.hostAndPort() + " in time"
                        : "the answer of " + url.hostAndPort() + " (status " + status + ") did not end in time";
            case BROKEN ->
                status == 0
                        ? url.hostAndPort() + " closed the connection without an answer: " + text(failure)
                        : "the answer of " + url.hostAndPort() + " (status " + status + ") broke off: " + text(failure);
            case STOPPED -> STOPS;
        };
        return new CallFailure(kind, status, what, failure);
    }

    private static Kind kind(Throwable failure) {
        if (failure instanceof CallFailure known) {
            return known.kind();
        }
        if (failure instanceof RefusedAddressException) {
            return Kind.REFUSED;
        }
        if (failure instanceof UnknownHostException) {
            return Kind.LOOKUP;
        }
        if (failure instanceof SSLException) {
            return Kind.TLS;
        }
        if (failure instanceof ConnectException
                || failure instanceof NoRouteToHostException
                || failure instanceof SocketTimeoutException
                || failure instanceof ProxyException) {
            return Kind.CONNECT;
        }
        return failure instanceof TimeoutException ? Kind.TIMEOUT : Kind.BROKEN;
    }

    private static String text(Throwable failure) {
        Throwable cause = failure;
        while (cause instanceof SSLException && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    }

    /** The proxy has refused a tunnel. */
    static final class ProxyException extends IOException {
        private static final long serialVersionUID = 1L;

        ProxyException(String message) {
            super(message);
        }
    }
}
