package dev.sluice.bridge.ingest;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A push in progress: the results so far, and the number of lanes that still owe some.
 *
 * <p>Each lane has a {@link Slice} of the push. While a slice is registered at its lane, the lock of the lane guards
 * its results; then the thread that removed it completes it. The last slice to complete answers the push.
 */
final class Push {
    private final CompletableFuture<List<PushResult>> answer = new CompletableFuture<>();
    private final PushResult[] results;
    private final AtomicInteger openSlices;

    Push(int messages, int slices) {
        this.results = new PushResult[messages];
        this.openSlices = new AtomicInteger(slices);
    }

    CompletableFuture<List<PushResult>> answer() {
        return answer;
    }

    private void completeSlice() {
        if (openSlices.decrementAndGet() == 0) {
            answer.complete(Arrays.asList(results));
        }
    }

    /** The messages of a push in one lane; their offsets are consecutive. */
    static final class Slice {
        private final Push push;

        /** Place in the push of each message; empty if the slice is the whole push. */
        private final int[] places;

        private final int size;
        private long firstOffset;
        private long deadlineNanos;
        private int settled;

        /** Makes a slice of the whole push. */
        static Slice whole(Push push) {
            return new Slice(push, new int[0], push.results.length);
        }

        /** Makes a slice of the messages at {@code places} of the push, in rising order. */
        static Slice of(Push push, int[] places) {
            return new Slice(push, places, places.length);
        }

        private Slice(Push push, int[] places, int size) {
            this.push = push;
            this.places = places;
            this.size = size;
        }

        void appendedAt(long offset, long deadline) {
            firstOffset = offset;
            deadlineNanos = deadline;
        }

        long firstOffset() {
            return firstOffset;
        }

        long lastOffset() {
            return firstOffset + size - 1;
        }

        long deadlineNanos() {
            return deadlineNanos;
        }

        int size() {
            return size;
        }

        boolean isSettled() {
            return settled == size;
        }

        int unsettled() {
            return size - settled;
        }

        /** Counts the messages with a result of this kind. */
        int count(Class<? extends PushResult> kind) {
            int count = 0;
            for (int i = 0; i < size; i++) {
                count += kind.isInstance(push.results[places.length == 0 ? i : places[i]]) ? 1 : 0;
            }
            return count;
        }

        /** Notes the result of the message at {@code offset}. */
        void settle(long offset, PushResult result) {
            int index = (int) (offset - firstOffset);
            int place = places.length == 0 ? index : places[index];
            if (push.results[place] == null) {
                push.results[place] = result;
                settled++;
            }
        }

        /** Gives this result to every message without one, and completes the slice. */
        void complete(PushResult rest) {
            for (int i = 0; i < size && settled < size; i++) {
                settle(firstOffset + i, rest);
            }
            push.completeSlice();
        }

        /** Fails the push. Returns false if it was answered before. */
        boolean fail(Throwable reason) {
            return push.answer.completeExceptionally(reason);
        }
    }
}
