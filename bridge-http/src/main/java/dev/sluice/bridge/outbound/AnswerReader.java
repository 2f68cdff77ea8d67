package dev.sluice.bridge.outbound;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.eclipse.jetty.client.Response;
import org.eclipse.jetty.client.Result;
import org.eclipse.jetty.http.HttpHeader;

/** Reads an answer up to a bound, and keeps its beginning. Completes its result once, when the call has ended. */
final class AnswerReader implements Response.Listener {
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}&&[^\\n\\t]]");
    private static final int MAX_RETRY_AFTER = 100;

    private final OutboundUrl url;
    private final int maxAnswer;
    private final int maxSnippet;
    private final CompletableFuture<OutboundAnswer> result;
    private final BooleanSupplier isStopped;
    private final ByteArrayOutputStream snippet = new ByteArrayOutputStream(0);
    private long received;
    private int status;

    /**
     * Makes a reader.
     *
     * @param isStopped whether the client has stopped, so that a failure says nothing about the target
     */
    AnswerReader(
            OutboundUrl url,
            OutboundSettings settings,
            CompletableFuture<OutboundAnswer> result,
            BooleanSupplier isStopped) {
        this.url = url;
        this.maxAnswer = settings.maxAnswer();
        this.maxSnippet = settings.maxSnippet();
        this.result = result;
        this.isStopped = isStopped;
    }

    @Override
    public void onHeaders(Response response) {
        status = response.getStatus();
    }

    @Override
    public void onContent(Response response, ByteBuffer content) {
        received += content.remaining();
        int kept = Math.min(content.remaining(), maxSnippet - snippet.size());
        for (int i = 0; i < kept; i++) {
            snippet.write(content.get());
        }
        content.position(content.limit());
        if (received > maxAnswer) {
            var ignored = response.abort(new Cut());
        }
    }

    @Override
    public void onComplete(Result ended) {
        Throwable failure = ended.getFailure();
        if (failure == null || failure instanceof Cut) {
            String retryAfter = ended.getResponse().getHeaders().get(HttpHeader.RETRY_AFTER);
            result.complete(new OutboundAnswer(
                    ended.getResponse().getStatus(),
                    retryAfter == null || retryAfter.length() > MAX_RETRY_AFTER ? null : retryAfter,
                    text(),
                    failure != null));
        } else {
            result.completeExceptionally(
                    isStopped.getAsBoolean() ? CallFailure.stopped(failure) : CallFailure.of(url, status, failure));
        }
    }

    private String text() {
        String text = snippet.toString(UTF_8);
        return CONTROL.matcher(text).replaceAll("\uFFFD");
    }

    /** The rest of an answer is not read. */
    private static final class Cut extends Exception {
        private static final long serialVersionUID = 1L;

        Cut() {
            super("the answer is longer than what is read", null, false, false);
        }
    }
}
