package dev.sluice.bridge.http;

import dev.sluice.bridge.ingest.IntakeFullException;
import dev.sluice.bridge.ingest.MessageTooLargeException;
import dev.sluice.bridge.ingest.NoKeyException;
import dev.sluice.bridge.ingest.QueueFullException;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.security.InvalidTokenException;
import dev.sluice.bridge.security.KeysUnavailableException;
import dev.sluice.buffer.DiskFullException;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.SessionFailures;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.work.KeyConflictException;
import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.eclipse.jetty.http.HttpStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A failure as the client sees it. This is the only class that maps failures to status codes and bodies.
 *
 * <pre>{@code
 * {"error": "items array is required"}                                              application/json
 * {"type": "about:blank", "title": "Bad Request", "status": 400,
 *  "detail": "items array is required", "error": "items array is required"}         application/problem+json (RFC 9457)
 * }</pre>
 *
 * <p>The second form goes to clients whose {@code Accept} names it.
 *
 * @param status 4xx or 5xx
 * @param error what is wrong, for the developer of the client
 * @param retryAfterSeconds value of {@code Retry-After}; 0 for no such header
 * @param more further fields of the body: texts and numbers
 */
public record Problem(int status, String error, int retryAfterSeconds, Map<String, Object> more) {
    private static final Logger log = LoggerFactory.getLogger(Problem.class);
    /** The database is not available. The request had no effect. */
    public static final String DATABASE_UNAVAILABLE = "database_unavailable";
    /**
     * The database has not confirmed the commit. The request may have taken effect, may take effect later, or never.
     */
    public static final String OUTCOME_UNKNOWN = "outcome_unknown";

    private static final String DATABASE_AWAY = "The database is not available";
    private static final Set<String> READING = Set.of("GET", "HEAD");
    static final String UNDECODABLE = "The address is not percent-encoded correctly";
    private static final String CHALLENGE = "Bearer realm=\"sluice\"";
    private static final String PROBLEM_JSON = "application/problem+json";
    private static final int BAD_REQUEST = 400;
    private static final int UNAUTHORIZED = 401;
    private static final int FORBIDDEN = 403;
    private static final int TOO_LARGE = 413;
    private static final int UNPROCESSABLE = 422;
    private static final int TOO_MANY = 429;
    private static final int INTERNAL_ERROR = 500;
    private static final int UNAVAILABLE = 503;
    private static final int INSUFFICIENT_STORAGE = 507;
    private static final int RETRY_SOON_SECONDS = 1;
    private static final int RETRY_WHEN_DRAINED_SECONDS = 5;

    public Problem(int status, String error, int retryAfterSeconds) {
        this(status, error, retryAfterSeconds, Map.of());
    }

    public Problem {
        more = Collections.unmodifiableMap(new LinkedHashMap<>(more));
    }

    /** Maps a failure. Logs an unexpected failure, and hides its details from the client. */
    public static Problem of(Throwable failure) {
        Throwable cause = unwrap(failure);
        if (cause instanceof InvalidRequestException invalid) {
            return new Problem(invalid.status(), String.valueOf(invalid.getMessage()), 0);
        }
        if (cause instanceof IntakeFullException) {
            return new Problem(UNAVAILABLE, String.valueOf(cause.getMessage()), RETRY_WHEN_DRAINED_SECONDS);
        }
        if (cause instanceof QueueFullException) {
            return new Problem(TOO_MANY, String.valueOf(cause.getMessage()), RETRY_WHEN_DRAINED_SECONDS);
        }
        if (cause instanceof dev.sluice.work.QueueFullException full) {
            return ofFullType(full);
        }
        if (cause instanceof KeyConflictException conflict) {
            return ofConflict(conflict);
        }
        if (cause instanceof NoKeyException) {
            return new Problem(UNAVAILABLE, String.valueOf(cause.getMessage()), RETRY_WHEN_DRAINED_SECONDS);
        }
        if (cause instanceof MessageTooLargeException) {
            return new Problem(TOO_LARGE, String.valueOf(cause.getMessage()), 0);
        }
        if (cause instanceof InvalidTokenException) {
            return new Problem(UNAUTHORIZED, String.valueOf(cause.getMessage()), 0);
        }
        if (cause instanceof OverloadedException || cause instanceof KeysUnavailableException) {
            return new Problem(UNAVAILABLE, String.valueOf(cause.getMessage()), RETRY_SOON_SECONDS);
        }
        if (cause instanceof OutcomeUnknownException) {
            return new Problem(UNAVAILABLE, OUTCOME_UNKNOWN, RETRY_SOON_SECONDS);
        }
        if (cause instanceof QueueException queue && queue.sqlState().equals(SessionFailures.ALL_CONNECTIONS_IN_USE)) {
            return new Problem(UNAVAILABLE, "All connections to the database are in use", RETRY_SOON_SECONDS);
        }
        if (cause instanceof QueueException queue && queue.isTimeout()) {
            log.warn("The database did not finish a statement of a request in time", cause);
            return new Problem(UNAVAILABLE, "The database did not finish a statement in time", RETRY_SOON_SECONDS);
        }
        if (cause instanceof QueueException queue) {
            return isDatabaseAway(queue)
                    ? new Problem(UNAVAILABLE, DATABASE_AWAY, RETRY_SOON_SECONDS)
                    : ofMistake(cause);
        }
        if (cause instanceof IOException) {
            return isDiskFull(cause)
                    ? new Problem(INSUFFICIENT_STORAGE, "The disk of the local log is full", RETRY_WHEN_DRAINED_SECONDS)
                    : new Problem(UNAVAILABLE, "The local log cannot be written", RETRY_WHEN_DRAINED_SECONDS);
        }
        if (cause instanceof IllegalArgumentException && cause.getMessage() != null && isUndecodable(cause)) {
            return new Problem(BAD_REQUEST, UNDECODABLE, 0);
        }
        return ofMistake(cause);
    }

    private static Problem ofFullType(dev.sluice.work.QueueFullException full) {
        var numbers = new LinkedHashMap<String, Object>();
        numbers.put("waiting", full.waiting());
        numbers.put("most", full.most());
        return new Problem(TOO_MANY, String.valueOf(full.getMessage()), RETRY_WHEN_DRAINED_SECONDS, numbers);
    }

    private static Problem ofConflict(KeyConflictException conflict) {
        var hashes = new LinkedHashMap<String, Object>();
        hashes.put("id", conflict.other().toString());
        hashes.put("storedHash", conflict.storedHash());
        hashes.put("givenHash", conflict.givenHash());
        return new Problem(UNPROCESSABLE, String.valueOf(conflict.getMessage()), 0, hashes);
    }

    /** Returns whether the database refused, without an effect, for a reason that may pass. */
    public static boolean isDatabaseAway(QueueException failure) {
        return failure.isTransient() || failure.isAboutSchema();
    }

    /** Returns the cause of the failure of a future. */
    public static Throwable unwrap(Throwable failure) {
        Throwable cause = failure;
        while ((cause instanceof CompletionException || cause instanceof ExecutionException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }

    /** Returns whether {@code URLDecoder} found a broken escape. */
    private static boolean isUndecodable(Throwable cause) {
        return String.valueOf(cause.getMessage()).startsWith("URLDecoder:");
    }

    private static boolean isDiskFull(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof DiskFullException) {
                return true;
            }
        }
        return false;
    }

    private static Problem ofMistake(Throwable cause) {
        log.error("A request failed inside the service", cause);
        return new Problem(INTERNAL_ERROR, "Internal error", 0);
    }

    /** Returns the answer in the form that the client accepts. */
    public Answer answer(Request request) {
        if (error.equals(OUTCOME_UNKNOWN) && READING.contains(request.method())) {
            return new Problem(status, DATABASE_AWAY, retryAfterSeconds)
                    .answer(request); // A request that reads has no outcome.
        }
        String accept = request.header("Accept");
        if (retryAfterSeconds > 0) {
            request.answerHeader("Retry-After", Integer.toString(retryAfterSeconds));
        }
        challenge(request);
        if (accept == null || !accept.contains(PROBLEM_JSON)) {
            return Answer.json(
                    status,
                    addMore(new JsonOutput(0).object().field("error", error)).endObject());
        }
        var body = new JsonOutput(0)
                .object()
                .field("type", "about:blank")
                .field("title", title(status))
                .field("status", status)
                .field("detail", error)
                .field("error", error);
        return new Answer(status, addMore(body).endObject(), PROBLEM_JSON);
    }

    private JsonOutput addMore(JsonOutput body) {
        more.forEach((name, value) -> {
            if (value instanceof Number number) {
                body.field(name, number.longValue());
            } else {
                body.field(name, value.toString());
            }
        });
        return body;
    }

    /** Returns the reason phrase. Jetty has the one of RFC 7231 for 413. */
    private static String title(int status) {
        return status == TOO_LARGE ? "Content Too Large" : HttpStatus.getMessage(status);
    }

    /** Names the credentials that the client needs (RFC 6750 §3). */
    private void challenge(Request request) {
        if (status == UNAUTHORIZED) {
            boolean none =
                    error.equals(InvalidRequestException.unauthenticated().getMessage());
            request.answerHeader(
                    "WWW-Authenticate",
                    CHALLENGE + (none ? "" : ", error=\"invalid_token\", error_description=\"" + error + "\""));
        } else if (status == FORBIDDEN
                && error.equals(InvalidRequestException.forbidden().getMessage())) {
            request.answerHeader("WWW-Authenticate", CHALLENGE + ", error=\"insufficient_scope\"");
        }
    }
}
