package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.system.Threads;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.util.thread.Invocable;
import org.jspecify.annotations.Nullable;

/**
 * Reads the bodies of requests into memory, up to a size limit and a time limit. No thread waits for a client, so slow
 * clients do not hold up others.
 *
 * <p>A body takes its memory from {@link RequestMemory} as it arrives, and the request keeps it until it is answered.
 * All arriving bodies may use half of that memory, and those of one client a quarter. If a body finds no room, the
 * slowest arriving body is refused with 503 instead; if the client has used up its share, the slowest body of that
 * client. So clients that send slowly cannot keep out a client that sends fast. A body that arrives as a whole does not
 * count as arriving while memory is left. Any thread may call.
 */
public final class RequestBodies implements AutoCloseable {
    /** Parses bodies. */
    public interface Parser<T> {
        /** Parses a body and owns its array. Takes the memory of the result before it creates the result. */
        T parse(byte[] body, RequestMemory.Claim memory);
    }

    /**
     * A body over the limit is read up to this size before it is refused, because a client that is still sending would
     * not read the answer.
     */
    private static final long MAX_DISCARDED_BYTES = 64L << 20;

    /** A body may decompress to this size whatever its ratio. */
    private static final int UNRATED_BYTES = 1 << 20;

    private static final int FIRST_BYTES = 4 << 10;
    /** A thread that waits for requests reads and parses a body up to this size itself. */
    private static final int SHORT_BYTES = 64 << 10;
    /** All arriving bodies may use one part of this many of the memory. */
    private static final int ARRIVING_PARTS = 2;
    /** The arriving bodies of one client may use one part of this many of the memory. */
    private static final int CLIENT_PARTS = 4;
    /** Attribute of a request whose body is being read, or is not to be read. */
    private static final String READ = "sluice.body.read";

    private static final byte[] NONE = new byte[0];

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
     * @param timeout from the start of a body to its end
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
     * Reads and parses the body of a request. A missing body is empty.
     *
     * @return completes on a thread of the HTTP server; fails with {@link InvalidRequestException} if the body is over
     *     the limit, as sent or decompressed (413), needs more memory than the limit (413), did not arrive in time
     *     (408), or is incomplete or refused by the parser (400), and with {@link OverloadedException} if other
     *     requests use the memory
     */
    public <T> CompletableFuture<T> read(Request request, Parser<T> parser) {
        ContentEncoding encoding;
        try {
            encoding = ContentEncoding.of(request);
        } catch (InvalidRequestException refusal) {
            return refuse(request, refusal);
        }
        long announced = request.jetty().getLength();
        if (announced > limitBytes && request.header("Expect") != null) {
            throw InvalidRequestException.bodyTooLarge(limitBytes);
        }
        request.jetty().setAttribute(READ, true);
        var body = new Body(request.jetty(), announced, memory.claim(request.jetty()));
        body.run();
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

    /** Returns the room to decompress a body of {@code compressedBytes}. */
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
     * Reads and discards the body of a request. Without this, a client that is still sending when the connection ends
     * would not read the answer. Needs no memory.
     *
     * @return completes at the end of the body, or at the time limit; never fails
     */
    public CompletableFuture<@Nullable Void> discard(Request request) {
        if (!isUnread(request)) {
            return CompletableFuture.completedFuture(null);
        }
        request.jetty().setAttribute(READ, true);
        var discarded = new Discarded(request.jetty());
        discarded.run();
        if (discarded.whole.isDone()) {
            return discarded.whole;
        }
        Future<?> alarm =
                clock.schedule(() -> discarded.whole.complete(null), timeout.toMillis(), TimeUnit.MILLISECONDS);
        return discarded.whole.whenComplete((done, failure) -> alarm.cancel(false));
    }

    /** Fails with the reason after the body has been discarded. */
    public <T> CompletableFuture<T> refuse(Request request, Throwable refusal) {
        return discard(request).thenCompose(done -> CompletableFuture.failedFuture(refusal));
    }

    /**
     * Returns whether it may take milliseconds to parse the body of a request: it is longer than {@value #SHORT_BYTES}
     * bytes, or of unknown length.
     */
    public static boolean isLong(org.eclipse.jetty.server.Request request) {
        return request.getLength() > SHORT_BYTES
                || request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING)
                || request.getHeaders().contains(HttpHeader.CONTENT_ENCODING);
    }

    /** Returns whether a request has a body that no code has begun to read. */
    public static boolean isUnread(Request request) {
        boolean has = request.jetty().getLength() > 0 || request.header("Transfer-Encoding") != null;
        return has && request.jetty().getAttribute(READ) == null;
    }

    /**
     * Leaves the body of a request unread, if there is one. The connection then ends with the answer, which says so.
     */
    public static void leaveUnread(Request request) {
        if (isUnread(request)) {
            request.jetty().setAttribute(READ, true);
            request.answerHeader("Connection", "close");
        }
    }

    /** Returns the limits of one request. */
    public RequestLimits limits() {
        return limits;
    }

    /** Returns the memory that all requests share. */
    public RequestMemory memory() {
        return memory;
    }

    /** Stops the clock of the time limits. */
    @Override
    public void close() {
        clock.shutdownNow();
    }

    /** A body that is read and discarded. */
    private final class Discarded implements Runnable {
        private final Content.Source source;
        private final CompletableFuture<@Nullable Void> whole = new CompletableFuture<>();
        private long seen;

        Discarded(Content.Source source) {
            this.source = source;
        }

        /** Discards what has arrived. The server calls again when more arrives. */
        @Override
        public void run() {
            while (!whole.isDone()) {
                Content.Chunk chunk = source.read();
                if (chunk == null) {
                    source.demand(this);
                    return;
                }
                seen += chunk.remaining();
                chunk.release();
                if (chunk.isLast() || Content.Chunk.isFailure(chunk) || seen > limitBytes) {
                    whole.complete(null);
                }
            }
        }
    }

    /** A body that one thread of the HTTP server at a time reads, and that the clock may abort. */
    private final class Body implements Invocable.Task, ArrivingBodies.Arriving {
        private final Content.Source source;
        private final String client;
        private final RequestMemory.Claim claim;
        private final CompletableFuture<@Nullable Void> whole = new CompletableFuture<>();
        private final long startNanos = System.nanoTime();
        private final boolean chunked;
        private final boolean isLong;
        private final int expected;
        private byte[] bytes = NONE;
        private int length;
        private long seen;
        private boolean ended;
        private boolean counted;
        private @Nullable RuntimeException refusal;
        private @Nullable Future<?> alarm;

        Body(org.eclipse.jetty.server.Request request, long announced, RequestMemory.Claim claim) {
            this.source = request;
            this.client = org.eclipse.jetty.server.Request.getRemoteAddr(request);
            this.claim = claim;
            boolean tooLarge = announced > limitBytes;
            chunked = announced < 0;
            isLong = isLong(request);
            expected = chunked ? limitBytes : tooLarge ? 0 : (int) announced;
        }

        /** Reads what has arrived. The server calls again when more arrives. */
        @Override
        public void run() {
            Content.Chunk last;
            synchronized (this) {
                last = readArrived();
                if (last == null && !ended) {
                    if (alarm == null) {
                        alarm = clock.schedule(
                                () -> fail(InvalidRequestException.bodyTooSlow()),
                                timeout.toMillis(),
                                TimeUnit.MILLISECONDS);
                    }
                    source.demand(this);
                }
            }
            if (last != null && Content.Chunk.isFailure(last)) {
                cannotRead(last.getFailure());
            } else if (last != null) {
                allRead();
            }
        }

        /** Returns the last chunk, or the failure; null if more is to come. */
        private Content.@Nullable Chunk readArrived() {
            while (!ended) {
                Content.Chunk chunk = source.read();
                if (chunk == null || Content.Chunk.isFailure(chunk)) {
                    return chunk;
                }
                store(chunk.getByteBuffer());
                chunk.release();
                if (chunk.isLast()) {
                    return chunk;
                }
                if (seen > MAX_DISCARDED_BYTES) {
                    fail(InvalidRequestException.bodyTooLarge(limitBytes));
                }
            }
            return null;
        }

        /** While a long body is parsed, its connection must not hold up others. */
        @Override
        public InvocationType getInvocationType() {
            return isLong ? InvocationType.BLOCKING : InvocationType.NON_BLOCKING;
        }

        private void store(ByteBuffer arrived) {
            seen += arrived.remaining();
            if (seen > limitBytes && refusal == null) {
                refuse(InvalidRequestException.bodyTooLarge(limitBytes));
            }
            while (refusal == null && arrived.hasRemaining() && length < expected) {
                if (length == bytes.length) {
                    grow(arrived.remaining(), !chunked && arrived.remaining() == expected);
                }
                int count = Math.min(arrived.remaining(), bytes.length - length);
                arrived.get(bytes, length, count);
                length += count;
            }
        }

        /**
         * Grows the array towards the expected size, to at most twice the bytes that have arrived.
         *
         * @param isWhole whether the whole body is there. It does not arrive any more, so it needs no share of the
         *     memory of arriving bodies if there is memory without one
         */
        private void grow(int arrived, boolean isWhole) {
            long most = Math.max(2L * bytes.length, (long) bytes.length + arrived);
            int size = (int) Math.min(Math.max(most, FIRST_BYTES), expected);
            try {
                if (!isWhole || !claim.takeIfFree(size)) {
                    counted = true;
                    arriving.take(this, size - bytes.length);
                }
                bytes = Arrays.copyOf(bytes, size);
            } catch (InvalidRequestException | OverloadedException e) {
                refuse(e);
            }
        }

        /**
         * Discards the body but reads the rest of it, because a client that is still sending would not read the answer.
         */
        private void refuse(RuntimeException why) {
            refusal = why;
            letGo();
        }

        private void letGo() {
            leave();
            claim.close();
            bytes = NONE;
            length = 0;
        }

        private void allRead() {
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

        /** The server cannot read on: the client was silent for the idle timeout, disconnected, or broke HTTP. */
        private void cannotRead(Throwable problem) {
            String reason = chunked
                    ? "The chunks of the request body are not valid, or the last one is missing"
                    : "The request body ends before its Content-Length";
            fail(
                    problem instanceof TimeoutException
                            ? InvalidRequestException.bodyTooSlow()
                            : InvalidRequestException.badRequest(reason));
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
            leave();
            if (alarm != null) {
                alarm.cancel(false);
            }
        }

        private void leave() {
            if (counted) {
                arriving.remove(this);
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

        /** The caller holds the lock of another body, so this method must not wait for the lock of this one. */
        @Override
        public void evicted() {
            claim.close();
            if (!clock.isShutdown()) {
                clock.execute(() -> fail(RequestMemory.tooMany()));
            }
        }
    }
}
