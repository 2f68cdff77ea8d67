package dev.sluice.bridge.api;

import dev.sluice.bridge.pop.OverloadedException;
import io.javalin.http.Context;
import io.javalin.http.HttpResponseException;
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

    /** A body may be as large as this whatever it came from: short texts of zeros are no danger. */
    private static final int UNRATED_BYTES = 1 << 20;

    private static final int CHUNK_BYTES = 16 << 10;
    private static final int MIN_BODIES = 2;
    /** Attribute of a request whose body somebody reads. */
    private static final String READ = "sluice.body.read";

    private final int limitBytes;
    private final int compressionRatio;
    private final long budgetBytes;
    private final Duration timeout;
    private final AtomicLong reserved = new AtomicLong();
    private final ScheduledThreadPoolExecutor clock;

    /**
     * Sets the limits.
     *
     * @param limitBytes of one body, as it comes and decompressed
     * @param compressionRatio how many times larger a body may be than it came, beyond {@value #UNRATED_BYTES} bytes
     * @param budgetBytes of all that has come of bodies that are being read; two of the largest always fit
     * @param timeout from the beginning of a body to its end
     */
    RequestBodies(int limitBytes, int compressionRatio, long budgetBytes, Duration timeout) {
        this.limitBytes = limitBytes;
        this.compressionRatio = compressionRatio;
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
     *     the limit, as it came or decompressed (413), did not come in time (408) or is not what the parser expects, {@link OverloadedException} if too
     *     much is being read, or {@link IOException} if the client went away
     */
    <T> CompletableFuture<T> read(Context ctx, Parser<T> parser) throws IOException {
        ContentEncoding encoding;
        try {
            encoding = ContentEncoding.of(ctx);
        } catch (HttpResponseException refusal) {
            return discard(ctx).thenCompose(done -> CompletableFuture.failedFuture(refusal));
        }
        long announced = ctx.req().getContentLengthLong();
        if (announced > limitBytes && ctx.header("Expect") != null) {
            throw InvalidRequestException.bodyTooLarge(limitBytes);
        }
        ctx.attribute(READ, true);
        var body = new Body(ctx.req().getInputStream(), announced);
        body.in.setReadListener(body);
        return body.whole
                .thenApply(bytes -> encoding.decode(bytes, body.roomFor(bytes.length)))
                .thenApply(parser::parse)
                .whenComplete((parsed, failure) -> body.release());
    }

    /**
     * Reads the body of a request that will be refused whatever it is, and drops it: a client that is still sending when the
     * connection ends would not see why. Needs no memory. The request must be asynchronous already.
     *
     * @return completes, never exceptionally, at the end of the body, or when it has gone on for too long
     */
    CompletableFuture<@Nullable Void> discard(Context ctx) throws IOException {
        if (!isUnread(ctx)) {
            return CompletableFuture.completedFuture(null);
        }
        ctx.attribute(READ, true);
        var discarded = new Discarded(ctx.req().getInputStream());
        discarded.in.setReadListener(discarded);
        Future<?> alarm =
                clock.schedule(() -> discarded.whole.complete(null), timeout.toMillis(), TimeUnit.MILLISECONDS);
        return discarded.whole.whenComplete((done, failure) -> alarm.cancel(false));
    }

    /** Returns whether a request has a body that nobody has begun to read. */
    static boolean isUnread(Context ctx) {
        boolean has = ctx.req().getContentLengthLong() > 0 || ctx.header("Transfer-Encoding") != null;
        return has && ctx.attribute(READ) == null;
    }

    private static OverloadedException tooMany() {
        return new OverloadedException("Too many request bodies are being read");
    }

    /** Ends the clock. */
    @Override
    public void close() {
        clock.shutdownNow();
    }

    /** A body that is read for its end only. */
    private final class Discarded implements ReadListener {
        private final ServletInputStream in;
        private final CompletableFuture<@Nullable Void> whole = new CompletableFuture<>();
        private final byte[] bytes = new byte[CHUNK_BYTES];
        private long seen;

        Discarded(ServletInputStream in) {
            this.in = in;
        }

        @Override
        public void onDataAvailable() throws IOException {
            while (!whole.isDone() && in.isReady()) {
                int count = in.read(bytes, 0, bytes.length);
                if (count < 0) {
                    return;
                }
                seen += count;
                if (seen > limitBytes) {
                    whole.complete(null);
                }
            }
        }

        @Override
        public void onAllDataRead() {
            whole.complete(null);
        }

        @Override
        public void onError(Throwable problem) {
            whole.complete(null);
        }
    }

    /** A body that is being read, by one thread of the HTTP server at a time, and given up by the clock. */
    private final class Body implements ReadListener {
        private final ServletInputStream in;
        private final CompletableFuture<byte[]> whole = new CompletableFuture<>();
        private final int expected;
        private byte[] bytes = new byte[0];
        private int length;
        private long held;
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
                    fail(tooMany());
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
            if (!reserve(size - bytes.length)) {
                return false;
            }
            bytes = Arrays.copyOf(bytes, size);
            return true;
        }

        private boolean reserve(int more) {
            if (reserved.addAndGet(more) > budgetBytes) {
                reserved.addAndGet(-more);
                return false;
            }
            held += more;
            return true;
        }

        /** Returns the room to decompress what came in {@code compressedBytes}. */
        ContentEncoding.Room roomFor(int compressedBytes) {
            long rated = Math.max(UNRATED_BYTES, (long) compressionRatio * compressedBytes);
            int most = (int) Math.min(limitBytes, rated);
            return new ContentEncoding.Room() {
                @Override
                public int limitBytes() {
                    return most;
                }

                @Override
                public InvalidRequestException tooLarge() {
                    return most == limitBytes
                            ? InvalidRequestException.bodyTooLarge(limitBytes)
                            : InvalidRequestException.bodyTooDense(compressionRatio);
                }

                @Override
                public void reserve(int more) {
                    synchronized (Body.this) {
                        if (!Body.this.reserve(more)) {
                            throw tooMany();
                        }
                    }
                }
            };
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
            reserved.addAndGet(-held);
            held = 0;
            bytes = new byte[0];
        }
    }
}
