package dev.sluice.bridge.ingest;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One request on its way: the results it has so far, and how many lanes still owe it some.
 *
 * <p>Each lane has a {@link Part} of it. While a part is registered at its lane, the lane's lock guards its results;
 * the one thread that took it out of there completes it. The last part to complete answers the request.
 */
final class Push {
    private final CompletableFuture<List<PushResult>> answer = new CompletableFuture<>();
    private final PushResult[] results;
    private final AtomicInteger openParts;

    Push(int messages, int parts) {
        this.results = new PushResult[messages];
        this.openParts = new AtomicInteger(parts);
    }

    CompletableFuture<List<PushResult>> answer() {
        return answer;
    }

    private void completePart() {
        if (openParts.decrementAndGet() == 0) {
            answer.complete(Arrays.asList(results));
        }
    }

    /** What one lane holds of the request: consecutive offsets. */
    static final class Part {
        private final Push push;

        /** Place in the request of each message of this part; null if the part is the whole request. */
        private final int[] places;

        private final int size;
        private long firstOffset;
        private long deadlineNanos;
        private int settled;

        /** The part that is a whole request. */
        static Part whole(Push push) {
            return new Part(push, new int[0], push.results.length);
        }

        /** The part that has the messages at {@code places} of the request, in rising order. */
        static Part of(Push push, int[] places) {
            return new Part(push, places, places.length);
        }

        private Part(Push push, int[] places, int size) {
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

        /** Returns how many messages have a result of this kind. */
        int count(Class<? extends PushResult> kind) {
            int count = 0;
            for (int i = 0; i < size; i++) {
                count += kind.isInstance(push.results[places.length == 0 ? i : places[i]]) ? 1 : 0;
            }
            return count;
        }

        /** Notes what became of the message at {@code offset}. */
        void settle(long offset, PushResult result) {
            int index = (int) (offset - firstOffset);
            int place = places.length == 0 ? index : places[index];
            if (push.results[place] == null) {
                push.results[place] = result;
                settled++;
            }
        }

        /** Gives every message that has none yet this result, and is done. */
        void complete(PushResult rest) {
            for (int i = 0; i < size && settled < size; i++) {
                settle(firstOffset + i, rest);
            }
            push.completePart();
        }

        /** Fails the push. Returns whether it had no answer yet. */
        boolean fail(Throwable reason) {
            return push.answer.completeExceptionally(reason);
        }
    }
}
