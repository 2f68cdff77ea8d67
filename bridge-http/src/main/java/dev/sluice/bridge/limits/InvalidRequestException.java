package dev.sluice.bridge.limits;

/**
 * Refuses a request that the client must change. The request had no effect. The client gets the message unchanged. The
 * exception has no stack trace, because its cause is the request and not this program.
 */
public final class InvalidRequestException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The prefix of the message if the body is not JSON. */
    private static final String INVALID_JSON = "Invalid JSON: ";

    private final int status;

    private InvalidRequestException(int status, String message) {
        super(message, null, false, false);
        this.status = status;
    }

    /** A request that breaks a rule of the contract: status 400. */
    public static InvalidRequestException badRequest(String message) {
        return new InvalidRequestException(400, message);
    }

    /** A body of more than {@code limitBytes}: status 413. */
    public static InvalidRequestException bodyTooLarge(long limitBytes) {
        return new InvalidRequestException(
                413, "Request body is larger than http.max.body.bytes (" + limitBytes + " bytes)");
    }

    /** A body that decompresses to more than {@code ratio} times its size: status 413. */
    public static InvalidRequestException bodyTooDense(int ratio) {
        return new InvalidRequestException(
                413,
                "Request body decompresses to more than http.max.compression.ratio (" + ratio + ") times its size");
    }

    /** A request that needs more memory than the limit of all requests together: status 413. */
    static InvalidRequestException needsTooMuchMemory(long limitBytes) {
        return new InvalidRequestException(
                413,
                "The request needs more memory than http.memory.bytes (" + limitBytes + " bytes); send it in parts");
    }

    /** A request whose answer would be too large: status 413. */
    public static InvalidRequestException tooLarge(String message) {
        return new InvalidRequestException(413, message);
    }

    /** A body that did not arrive in time: status 408. */
    public static InvalidRequestException bodyTooSlow() {
        return new InvalidRequestException(
                408, "The request body did not come within http.body.timeout.ms, or paused for http.idle.timeout.ms");
    }

    /** A request without a token on a route that needs one: status 401. */
    public static InvalidRequestException unauthenticated() {
        return new InvalidRequestException(401, "Authentication required");
    }

    /** A request whose token lacks the role: status 403. */
    public static InvalidRequestException forbidden() {
        return new InvalidRequestException(403, "Insufficient permissions");
    }

    /** A request that the settings forbid: status 403. */
    public static InvalidRequestException refused(String message) {
        return new InvalidRequestException(403, message);
    }

    /** A body in an encoding or a format that the route does not read: status 415. */
    public static InvalidRequestException unsupportedMediaType(String message) {
        return new InvalidRequestException(415, message);
    }

    /** A request whose answer would have a format that the client does not name: status 406. */
    public static InvalidRequestException notAcceptable(String message) {
        return new InvalidRequestException(406, message);
    }

    /** A request that uses a part of HTTP which the service does not have: status 501. */
    public static InvalidRequestException notImplemented(String message) {
        return new InvalidRequestException(501, message);
    }

    /** A request that has no route: status 404. */
    public static InvalidRequestException notFound(String message) {
        return new InvalidRequestException(404, message);
    }

    /** A request whose route has other methods: status 405. */
    public static InvalidRequestException methodNotAllowed(String request) {
        return new InvalidRequestException(405, "Method not allowed: " + request);
    }

    /** Returns the same exception with the place of the fault in front of its message. */
    public InvalidRequestException at(String place) {
        return new InvalidRequestException(status, place + ": " + getMessage());
    }

    /**
     * Returns the same exception with the index of the wrong item. A message about invalid JSON keeps its prefix and
     * its end.
     */
    public InvalidRequestException inItem(int index) {
        String message = String.valueOf(getMessage());
        return message.startsWith(INVALID_JSON)
                ? new InvalidRequestException(
                        status, INVALID_JSON + "item " + index + ": " + message.substring(INVALID_JSON.length()))
                : at("item " + index);
    }

    /** Returns the HTTP status, 4xx or 501. */
    public int status() {
        return status;
    }
}
