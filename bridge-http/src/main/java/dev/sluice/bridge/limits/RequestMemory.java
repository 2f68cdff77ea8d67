package dev.sluice.bridge.limits;

import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.server.Request;

/**
 * Bounds the memory that all requests use together: for bodies, for the objects parsed from them, and for answers.
 *
 * <p>A request takes memory before it uses it, and keeps it until it is answered. The size of a body alone does not
 * tell the cost of a request: a few megabytes of JSON can become hundreds of megabytes of objects. Any thread may call.
 */
public final class RequestMemory {
    /** A claim takes whole blocks from the shared memory, so that a small object needs no atomic operation. */
    private static final long BLOCK_BYTES = 4 << 10;

    private static final String CLAIM = Claim.class.getName();

    private final long limitBytes;
    private final AtomicLong usedBytes = new AtomicLong();

    /**
     * Sets the limit.
     *
     * @param limitBytes of all requests together ({@code http.memory.bytes})
     */
    public RequestMemory(long limitBytes) {
        this.limitBytes = limitBytes;
    }

    /** Returns memory without a limit, for work that is not a request. */
    public static Claim unlimited() {
        return new RequestMemory(Long.MAX_VALUE).claim();
    }

    /** Returns the memory of a new request, which has taken none yet. */
    public Claim claim() {
        return new Claim();
    }

    /**
     * Returns the memory of a request. The memory is given back when the server has finished the request, with or
     * without an answer.
     */
    public Claim claim(Request request) {
        if (request.getAttribute(CLAIM) instanceof Claim claim) {
            return claim;
        }
        Claim claim = claim();
        request.setAttribute(CLAIM, claim);
        Request.addCompletionListener(request, failure -> claim.close());
        return claim;
    }

    /** Returns whether no memory is left. */
    public boolean isUsedUp() {
        return usedBytes.get() >= limitBytes;
    }

    public long limitBytes() {
        return limitBytes;
    }

    /** Returns the bytes that requests hold now. */
    long usedBytes() {
        return usedBytes.get();
    }

    /** The memory of one request. */
    public final class Claim implements AutoCloseable {
        private long neededBytes;
        private long heldBytes;
        private boolean closed;

        private Claim() {}

        /**
         * Takes memory.
         *
         * @throws InvalidRequestException (413) if the request needs more than there is for all requests together
         * @throws OverloadedException (503) if other requests hold the memory, or the claim is closed
         */
        public synchronized void take(long bytes) {
            if (bytes > limitBytes - neededBytes) {
                throw InvalidRequestException.needsTooMuchMemory(limitBytes);
            }
            long needed = neededBytes + bytes;
            if (closed) {
                throw tooMany();
            }
            if (needed > heldBytes) {
                long more = (needed - heldBytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
                if (limitBytes != Long.MAX_VALUE && usedBytes.addAndGet(more) > limitBytes) {
                    usedBytes.addAndGet(-more);
                    throw tooMany();
                }
                heldBytes += more;
            }
            neededBytes = needed;
        }

        /** Takes memory if there is some; returns whether it did. */
        public synchronized boolean takeIfFree(long bytes) {
            if (closed || bytes > limitBytes - usedBytes.get()) {
                return false;
            }
            try {
                take(bytes);
                return true;
            } catch (OverloadedException | InvalidRequestException e) {
                return false; // Other requests took it meanwhile.
            }
        }

        /** Takes memory even if none is left, for a request that can no longer be refused. */
        public synchronized void takeAnyway(long bytes) {
            if (!closed) {
                neededBytes += bytes;
                long more = Math.max(0, neededBytes - heldBytes);
                heldBytes += more;
                usedBytes.addAndGet(more);
            }
        }

        /** Raises the taken memory to {@code bytes} even if none is left, for an answer that exists already. */
        public synchronized void takeUpTo(long bytes) {
            takeAnyway(Math.max(0, bytes - neededBytes));
        }

        /** Gives back memory that the request no longer uses. */
        public synchronized void giveBack(long bytes) {
            neededBytes -= bytes;
            long spare = (heldBytes - neededBytes) / BLOCK_BYTES * BLOCK_BYTES;
            if (spare > 0 && !closed) {
                heldBytes -= spare;
                usedBytes.addAndGet(-spare);
            }
        }

        /** Returns the bytes taken and not given back. */
        public synchronized long bytes() {
            return closed ? 0 : neededBytes;
        }

        /** Returns whether all memory was given back. */
        public synchronized boolean isClosed() {
            return closed;
        }

        /** Gives all memory back. The request cannot take memory afterwards. */
        @Override
        public synchronized void close() {
            if (!closed) {
                closed = true;
                usedBytes.addAndGet(-heldBytes);
            }
        }
    }

    public static OverloadedException tooMany() {
        return new OverloadedException("Requests under way use the memory there is for them (http.memory.bytes)");
    }
}
