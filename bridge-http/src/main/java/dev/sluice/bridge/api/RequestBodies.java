package dev.sluice.bridge.api;

import dev.sluice.bridge.pop.OverloadedException;
import io.javalin.http.Context;
import io.javalin.http.UnsupportedMediaTypeResponse;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Reads the bodies of requests into memory: each up to a limit and within a time, and all that are being read together up to
 * another limit, so that no number of clients can fill the heap. No thread waits for a client, so slow ones hold up nobody.
 * Any thread may call.
 */
final class RequestBodies implements AutoCloseable {
    /** What to make of a body. */
    interface Parser<T> {
        /** Parses a body; the array is not used by anyone else. */
        T parse(byte[] body);
    }

    /** A body over the limit is read up to here before it is refused: a client that is still sending would not see why. */
    private static final long MAX_DISCARDED_BYTES = 64L << 20;

    private static final int CHUNK_BYTES = 16 << 10;
    private static final int MIN_BODIES = 2;

    private final int limitBytes;
    private final long budgetBytes;
    private final Duration timeout;
    private final AtomicLong reserved = new AtomicLong();
    private final ScheduledThreadPoolExecutor clock;

    /**
     * Sets the limits.
     *
     * @param limitBytes of one body
     * @param budgetBytes of all that has come of bodies that are being read; two of the largest always fit
     * @param timeout from the beginning of a body to its end
     */
    RequestBodies(int limitBytes, long budgetBytes, Duration timeout) {
        this.limitBytes = limitBytes;
        this.budgetBytes = Math.max(budgetBytes, (long) MIN_BODIES * limitBytes);
        this.timeout = timeout;
        clock = new ScheduledThreadPoolExecutor(1, task -> {
            var thread = new Thread(task, "sluice-http-bodies");
            thread.setDaemon(true);
            return thread;
        });
        clock.setRemoveOnCancelPolicy(true);
    }

    /**
     * Reads the body of a request, which is empty when there is none, and parses it. The request must be asynchronous already.
     *
     * @return completes on a thread of the HTTP server; exceptionally with {@link InvalidRequestException} if the body is over
     *     the limit (413), did not come in time (408) or is not what the parser expects, {@link OverloadedException} if too
     *     much is being read, or {@link IOException} if the client went away
     */
    <T> CompletableFuture<T> read(Context ctx, Parser<T> parser) throws IOException {
        String encoding = ctx.header("Content-Encoding");
        if (encoding != null && !encoding.equalsIgnoreCase("identity")) {
            ctx.header("Accept-Encoding", "identity");
            throw new UnsupportedMediaTypeResponse("Content-Encoding is not supported: " + encoding);
        }
        long announced = ctx.req().getContentLengthLong();
        if (announced > limitBytes && ctx.header("Expect") != null) {
            throw InvalidRequestException.bodyTooLarge(limitBytes);
        }
        var body = new Body(ctx.req().getInputStream(), announced);
        body.in.setReadListener(body);
        return body.whole.thenApply(parser::parse).whenComplete((parsed, failure) -> body.release());
    }

    /** Ends the clock. */
    @Override
    public void close() {
        clock.shutdownNow();
    }

    /** A body that is being read, by one thread of the HTTP server at a time, and given up by the clock. */
    private final class Body implements ReadListener {
        private final ServletInputStream in;
        private final CompletableFuture<byte[]> whole = new CompletableFuture<>();
        private final int expected;
        private byte[] bytes = new byte[0];
        private int length;
        private long seen;
        private boolean ended;
        private @Nullable Future<?> alarm;

        Body(ServletInputStream in, long announced) {
            this.in = in;
            expected = announced < 0 ? limitBytes : (int) Math.min(announced, limitBytes);
        }

        @Override
        public synchronized void onDataAvailable() throws IOException {
            while (!ended && in.isReady()) {
                if (length == bytes.length && !grow()) {
                    fail(new OverloadedException("Too many request bodies are being read"));
                    return;
                }
                int count = in.read(bytes, length, bytes.length - length);
                if (count < 0) {
                    return;
                }
                seen += count;
                if (seen <= limitBytes) {
                    length += count;
                } else if (seen > MAX_DISCARDED_BYTES) {
                    fail(InvalidRequestException.bodyTooLarge(limitBytes));
                }
            }
            if (alarm == null && !ended) {
                alarm = clock.schedule(
                        () -> fail(InvalidRequestException.bodyTooSlow()), timeout.toMillis(), TimeUnit.MILLISECONDS);
            }
        }

        /** Makes room for more of what is expected, and for one byte beyond it. */
        private boolean grow() {
            int size = Math.min(Math.max(2 * bytes.length, CHUNK_BYTES), expected + 1);
            int more = size - bytes.length;
            if (reserved.addAndGet(more) > budgetBytes) {
                reserved.addAndGet(-more);
                return false;
            }
            bytes = Arrays.copyOf(bytes, size);
            return true;
        }

        @Override
        public void onAllDataRead() {
            synchronized (this) {
                end();
            }
            if (seen > limitBytes) {
                whole.completeExceptionally(InvalidRequestException.bodyTooLarge(limitBytes));
            } else {
                whole.complete(Arrays.copyOf(bytes, length));
            }
        }

        /** The server cannot read on: the client paused for longer than the idle timeout, went away, or broke HTTP. */
        @Override
        public void onError(Throwable problem) {
            fail(
                    problem instanceof TimeoutException
                            ? InvalidRequestException.bodyTooSlow()
                            : InvalidRequestException.badRequest("The request body cannot be read"));
        }

        private void fail(RuntimeException failure) {
            synchronized (this) {
                end();
            }
            whole.completeExceptionally(failure);
        }

        private void end() {
            ended = true;
            if (alarm != null) {
                alarm.cancel(false);
            }
        }

        synchronized void release() {
            reserved.addAndGet(-bytes.length);
            bytes = new byte[0];
        }
    }
}
