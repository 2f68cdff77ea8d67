package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.system.Threads;
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
import org.jspecify.annotations.Nullable;

/**
 * Reads the bodies of requests into memory: each up to a limit and within a time. No thread waits for a client, so slow
 * clients hold up nobody.
 *
 * <p>A body takes its memory from {@link RequestMemory} as it arrives, and the request keeps what it has taken until it
 * is answered. Bodies that are still arriving may have half of that memory, and those of one client a quarter. If a
 * body finds no room, the slowest body that is still arriving, of the same client if the client has its share, is
 * refused with 503 in its place: clients that send slowly, however many, cannot keep out one that does not. Any thread
 * may call.
 */
public final class RequestBodies implements AutoCloseable {
    /** What to make of a body. */
    public interface Parser<T> {
        /** Parses a body and owns its array. Takes from {@code memory} what the result needs, before it makes it. */
        T parse(byte[] body, RequestMemory.Claim memory);
    }

    /**
     * A body over the limit is read up to here before it is refused: a client that is still sending would not see why.
     */
    private static final long MAX_DISCARDED_BYTES = 64L << 20;

    /** A body may be as large as this whatever it came from: short texts of zeros are no danger. */
    private static final int UNRATED_BYTES = 1 << 20;

    private static final int FIRST_BYTES = 4 << 10;
    private static final int CHUNK_BYTES = 16 << 10;
    /** All bodies that are still arriving may have one part of two of the memory. */
    private static final int ARRIVING_PARTS = 2;
    /** The arriving bodies of one client may have one part of four of the memory. */
    private static final int CLIENT_PARTS = 4;
    /** Attribute of a request whose body somebody reads. */
    private static final String READ = "sluice.body.read";

    private static final byte[] NONE = new byte[0];
    /** Receives the bytes of all requests that are dropped. Nobody reads it. */
    private static final byte[] DISCARDED = new byte[CHUNK_BYTES];

    private final RequestLimits limits;
    private final int limitBytes;
    private final int compressionRatio;
    private final RequestMemory memory;
    private final Duration timeout;
    private final ArrivingBodies arriving;
    private final ScheduledThreadPoolExecutor clock;

    /**
     * Sets the limits.
     *
     * @param limits of one request; the limit of a body holds as it comes and decompressed, its compression ratio
     *     beyond {@value #UNRATED_BYTES} bytes
     * @param memory of all requests
     * @param timeout from the beginning of a body to its end
     */
    public RequestBodies(RequestLimits limits, RequestMemory memory, Duration timeout) {
        this.limits = limits;
        this.limitBytes = limits.bodyBytes();
        this.compressionRatio = limits.compressionRatio();
        this.memory = memory;
        this.timeout = timeout;
        arriving = new ArrivingBodies(
                Math.max(memory.limitBytes() / ARRIVING_PARTS, limitBytes),
                Math.max(memory.limitBytes() / CLIENT_PARTS, limitBytes));
        clock = Threads.clock("sluice-http-bodies");
    }

    /**
     * Reads the body of a request, which is empty when there is none, and parses it. The request must be asynchronous
     * already.
     *
     * @return completes on a thread of the HTTP server; exceptionally with {@link InvalidRequestException} if the body
     *     is over the limit, as it came or decompressed (413), needs more memory than there is (413), did not come in
     *     time (408), is not whole or not what the parser expects (400), or with {@link OverloadedException} if other
     *     requests have the memory
     */
    public <T> CompletableFuture<T> read(Request request, Parser<T> parser) throws IOException {
        ContentEncoding encoding;
        try {
            encoding = ContentEncoding.of(request);
        } catch (InvalidRequestException refusal) {
            return refuse(request, refusal);
        }
        long announced = request.servlet().getContentLengthLong();
        if (announced > limitBytes && request.header("Expect") != null) {
            throw InvalidRequestException.bodyTooLarge(limitBytes);
        }
        request.servlet().setAttribute(READ, true);
        RequestMemory.Claim claim = memory.claim(request.servlet());
        var body = new Body(
                request.servlet().getInputStream(), announced, request.servlet().getRemoteAddr(), claim);
        body.in.setReadListener(body);
        return body.whole.thenApply(done -> parse(body, encoding, parser));
    }

    private <T> T parse(Body body, ContentEncoding encoding, Parser<T> parser) {
        byte[] bytes = body.take();
        RequestMemory.Claim claim = body.claim;
        int came = bytes.length;
        bytes = encoding.decode(bytes, roomFor(came, claim));
        if (encoding != ContentEncoding.IDENTITY) {
            claim.giveBack(came);
        }
        T parsed = parser.parse(bytes, claim);
        claim.giveBack(bytes.length);
        return parsed;
    }

    /** Returns the room to decompress what came in {@code compressedBytes}. */
    private ContentEncoding.Room roomFor(int compressedBytes, RequestMemory.Claim claim) {
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
            public void take(int bytes) {
                claim.take(bytes);
            }

            @Override
            public void giveBack(int bytes) {
                claim.giveBack(bytes);
            }
        };
    }

    /**
     * Reads the body of a request that will be refused whatever it is, and drops it: a client that is still sending
     * when the connection ends would not see why. Needs no memory. The request must be asynchronous already.
     *
     * @return completes, never exceptionally, at the end of the body, or when it has gone on for too long
     */
    public CompletableFuture<@Nullable Void> discard(Request request) throws IOException {
        if (!isUnread(request)) {
            return CompletableFuture.completedFuture(null);
        }
        request.servlet().setAttribute(READ, true);
        var discarded = new Discarded(request.servlet().getInputStream());
        discarded.in.setReadListener(discarded);
        Future<?> alarm =
                clock.schedule(() -> discarded.whole.complete(null), timeout.toMillis(), TimeUnit.MILLISECONDS);
        return discarded.whole.whenComplete((done, failure) -> alarm.cancel(false));
    }

    /** Fails with the reason after the body has been discarded. */
    public <T> CompletableFuture<T> refuse(Request request, Throwable refusal) {
        try {
            return discard(request).thenCompose(done -> CompletableFuture.failedFuture(refusal));
        } catch (IOException e) {
            return CompletableFuture.failedFuture(refusal);
        }
    }

    /** Returns whether a request has a body that nobody has begun to read. */
    public static boolean isUnread(Request request) {
        boolean has = request.servlet().getContentLengthLong() > 0 || request.header("Transfer-Encoding") != null;
        return has && request.servlet().getAttribute(READ) == null;
    }

    /**
     * Leaves the body of a request unread, if there is one. The connection then ends with the answer, which says so.
     */
    public static void leaveUnread(Request request) {
        if (isUnread(request)) {
            request.servlet().setAttribute(READ, true);
            request.answerHeader("Connection", "close");
        }
    }

    /** Returns the limits of one request. */
    public RequestLimits limits() {
        return limits;
    }

    /** Returns the memory that all requests and all answers share. */
    public RequestMemory memory() {
        return memory;
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
        private long seen;

        Discarded(ServletInputStream in) {
            this.in = in;
        }

        @Override
        public void onDataAvailable() throws IOException {
            while (!whole.isDone() && in.isReady()) {
                int count = in.read(DISCARDED, 0, DISCARDED.length);
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
    private final class Body implements ReadListener, ArrivingBodies.Arriving {
        private final ServletInputStream in;
        private final String client;
        private final RequestMemory.Claim claim;
        private final CompletableFuture<@Nullable Void> whole = new CompletableFuture<>();
        private final long startNanos = System.nanoTime();
        private final int expected;
        private byte[] bytes = NONE;
        private int length;
        private long seen;
        private boolean ended;
        private @Nullable RuntimeException refusal;
        private @Nullable Future<?> alarm;

        Body(ServletInputStream in, long announced, String client, RequestMemory.Claim claim) {
            this.in = in;
            this.client = client;
            this.claim = claim;
            boolean tooLarge = announced > limitBytes;
            expected = announced < 0 ? limitBytes : tooLarge ? 0 : (int) announced;
        }

        @Override
        public synchronized void onDataAvailable() throws IOException {
            while (!ended && in.isReady()) {
                if (length == bytes.length && length < expected && refusal == null) {
                    grow();
                }
                boolean stored = length < bytes.length;
                int count = stored
                        ? in.read(bytes, length, bytes.length - length)
                        : in.read(DISCARDED, 0, DISCARDED.length);
                if (count < 0) {
                    return;
                }
                seen += count;
                length += stored ? count : 0;
                if (seen > limitBytes && refusal == null) {
                    refuse(InvalidRequestException.bodyTooLarge(limitBytes));
                }
                if (seen > MAX_DISCARDED_BYTES) {
                    fail(InvalidRequestException.bodyTooLarge(limitBytes));
                }
            }
            if (alarm == null && !ended) {
                alarm = clock.schedule(
                        () -> fail(InvalidRequestException.bodyTooSlow()), timeout.toMillis(), TimeUnit.MILLISECONDS);
            }
        }

        /** Makes room for more of what is expected: not much more than has come. */
        private void grow() {
            int size = (int) Math.min(Math.max(2L * bytes.length, FIRST_BYTES), expected);
            try {
                arriving.take(this, size - bytes.length);
                bytes = Arrays.copyOf(bytes, size);
            } catch (InvalidRequestException | OverloadedException e) {
                refuse(e);
            }
        }

        /** Drops the body and reads the rest of it, because a client that is still sending would not see the answer. */
        private void refuse(RuntimeException why) {
            refusal = why;
            letGo();
        }

        private void letGo() {
            arriving.remove(this);
            claim.close();
            bytes = NONE;
            length = 0;
        }

        @Override
        public void onAllDataRead() {
            RuntimeException refused;
            synchronized (this) {
                end();
                refused = refusal;
            }
            if (refused == null) {
                whole.complete(null);
            } else {
                whole.completeExceptionally(refused);
            }
        }

        /** Hands the bytes over. Their memory stays taken. */
        synchronized byte[] take() {
            byte[] taken = bytes;
            bytes = NONE;
            if (length == taken.length) {
                return taken;
            }
            claim.take(length);
            byte[] exact = Arrays.copyOf(taken, length);
            claim.giveBack(taken.length);
            return exact;
        }

        /** The server cannot read on: the client paused for longer than the idle timeout, went away, or broke HTTP. */
        @Override
        public void onError(Throwable problem) {
            fail(
                    problem instanceof TimeoutException
                            ? InvalidRequestException.bodyTooSlow()
                            : InvalidRequestException.badRequest(
                                    "The request body cannot be read, or ends before its Content-Length"));
        }

        private void fail(RuntimeException failure) {
            RuntimeException first;
            synchronized (this) {
                end();
                letGo();
                first = refusal == null ? failure : refusal;
            }
            whole.completeExceptionally(first);
        }

        private void end() {
            ended = true;
            arriving.remove(this);
            if (alarm != null) {
                alarm.cancel(false);
            }
        }

        @Override
        public String client() {
            return client;
        }

        @Override
        public RequestMemory.Claim claim() {
            return claim;
        }

        @Override
        public long startNanos() {
            return startNanos;
        }

        /** Called by a thread that holds the lock of another body, so it must not wait for this one's. */
        @Override
        public void evicted() {
            claim.close();
            if (!clock.isShutdown()) {
                clock.execute(() -> fail(RequestMemory.tooMany()));
            }
        }
    }
}
