package dev.sluice.bridge.http;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.json.JsonOutput;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.ee10.servlet.HttpOutput;
import org.eclipse.jetty.ee10.servlet.ServletContextResponse;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.PreEncodedHttpField;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.IteratingCallback;
import org.jspecify.annotations.Nullable;

/**
 * The answer to a request.
 *
 * @param status HTTP status
 * @param body JSON, or null for no body
 * @param contentType of the body
 * @param undelivered runs if the answer cannot be sent; must not block
 * @param stream writes the body instead; null: {@code body} is all
 */
public record Answer(
        int status,
        @Nullable JsonOutput body,
        String contentType,
        Runnable undelivered,
        @Nullable Stream stream) {
    private static final int SWITCHING = 101;
    public static final int OK = 200;
    public static final int CREATED = 201;
    public static final int ACCEPTED = 202;
    public static final int NO_CONTENT = 204;
    public static final int NOT_FOUND = 404;
    public static final int CONFLICT = 409;
    public static final int UNAVAILABLE = 503;

    /** The number of bytes that are written to a socket at once. */
    private static final int PART_BYTES = 128 << 10;

    static final String JSON = "application/json; charset=utf-8";
    /** Has no space, because the servlet API removes it. */
    private static final HttpField JSON_FIELD =
            new PreEncodedHttpField(HttpHeader.CONTENT_TYPE, "application/json;charset=utf-8");

    /** Writes a body whose end is not known. */
    public interface Stream {
        /**
         * Starts to write. Never blocks. Completes at the end of the body; fails if the client disconnects. The server
         * ends the answer.
         */
        CompletableFuture<@Nullable Void> start(Response response);
    }

    public Answer(int status, @Nullable JsonOutput body, String contentType) {
        this(status, body, contentType, () -> {}, null);
    }

    /** An answer with status 200 whose body a stream writes. No hot route has one. */
    public static Answer stream(String contentType, Stream stream) {
        return new Answer(OK, null, contentType, () -> {}, stream);
    }

    /** An answer that hands the connection to another protocol. {@code stream} does so, and sets the headers. */
    public static Answer upgrade(Stream stream) {
        return new Answer(SWITCHING, null, "", () -> {}, stream);
    }

    /** An answer with a JSON body. */
    public static Answer json(int status, JsonOutput body) {
        return new Answer(status, body, JSON);
    }

    /** An answer with a JSON body, for routes that need not be fast. */
    public static Answer json(int status, JsonNode body) {
        return json(status, new JsonOutput(0).json(body.toString()));
    }

    /** An answer with status 200 and an empty body. */
    public static Answer ok() {
        return new Answer(OK, null, JSON);
    }

    /** An answer without a body: status 204. */
    public static Answer empty() {
        return new Answer(NO_CONTENT, null, JSON);
    }

    /** Returns this answer with an action that runs if the answer cannot be sent. */
    public Answer orElse(Runnable whenUndelivered) {
        return new Answer(status, body, contentType, whenUndelivered, stream);
    }

    /** Returns a future that has completed with this answer. */
    public CompletableFuture<Answer> now() {
        return CompletableFuture.completedFuture(this);
    }

    /** Returns the bytes of the body. */
    public long bytes() {
        return body == null ? 0 : body.length();
    }

    /** Writes the answer. Blocks while the client does not read. */
    public void send(HttpServletResponse response) throws IOException {
        begin(response);
        if (body != null) {
            body.writeTo(response.getOutputStream());
        }
    }

    /** Writes the answer without blocking. Completes when the answer is written; fails if the client disconnects. */
    public CompletableFuture<@Nullable Void> sendLater(HttpServletResponse response) {
        try {
            begin(response);
            if (stream != null) {
                return stream.start(ServletContextResponse.getServletContextResponse(response)
                        .getResponse());
            }
            if (body != null && response.getOutputStream() instanceof HttpOutput output) {
                var sent = new Callback.Completable();
                if (body.length() <= PART_BYTES) {
                    output.sendContent(body.pieces().get(0), sent);
                } else {
                    output.sendContent(body.stream(), sent); // In parts of the size of Jetty's buffer.
                }
                return sent;
            }
            send(response);
            return CompletableFuture.completedFuture(null);
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /**
     * Writes the answer without blocking.
     *
     * @param sent succeeds when the answer is written; fails if the client disconnects
     */
    public void send(Response response, Callback sent) {
        response.setStatus(status);
        if (body == null) {
            response.write(true, null, sent);
            return;
        }
        response.getHeaders()
                .put(contentType.equals(JSON) ? JSON_FIELD : new HttpField(HttpHeader.CONTENT_TYPE, contentType));
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length());
        List<ByteBuffer> pieces = body.pieces();
        if (body.length() <= PART_BYTES) {
            response.write(true, pieces.get(0), sent);
        } else {
            new Parts(response, pieces.iterator(), sent).iterate();
        }
    }

    private void begin(HttpServletResponse response) {
        if (status == SWITCHING) {
            return;
        }
        response.setStatus(status);
        if (body != null) {
            response.setContentType(contentType);
            response.setContentLengthLong(body.length());
        } else if (stream != null) {
            response.setContentType(contentType);
        }
    }

    /**
     * Writes a long text in small parts. A socket copies its input into memory outside the heap, and each thread keeps
     * the largest such buffer that it ever needed. Small parts keep these buffers small.
     */
    private static final class Parts extends IteratingCallback {
        private final Response response;
        private final Iterator<ByteBuffer> rest;
        private final Callback sent;
        private ByteBuffer piece = ByteBuffer.allocate(0);
        private boolean lastWritten;

        Parts(Response response, Iterator<ByteBuffer> pieces, Callback sent) {
            this.response = response;
            this.rest = pieces;
            this.sent = sent;
        }

        @Override
        protected Action process() {
            if (lastWritten) {
                return Action.SUCCEEDED;
            }
            if (!piece.hasRemaining()) {
                piece = rest.next();
            }
            ByteBuffer part = piece.slice(piece.position(), Math.min(piece.remaining(), PART_BYTES));
            piece.position(piece.position() + part.remaining());
            lastWritten = !piece.hasRemaining() && !rest.hasNext();
            response.write(lastWritten, part, this);
            return Action.SCHEDULED;
        }

        @Override
        protected void onCompleteSuccess() {
            sent.succeeded();
        }

        @Override
        protected void onCompleteFailure(Throwable cause) {
            sent.failed(cause);
        }
    }
}
