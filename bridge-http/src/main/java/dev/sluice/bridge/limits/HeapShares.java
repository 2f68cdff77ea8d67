package dev.sluice.bridge.limits;

/**
 * Divides the heap between the parts of the service. {@code docs/operations.md} has the table. At the smallest heap,
 * 200 MB, the shares leave room for long-lived objects and for garbage.
 */
public final class HeapShares {
    /**
     * The share of all requests together, in percent. The largest body needs 54 MB, which is 28 percent of the smallest
     * heap.
     */
    private static final int REQUESTS_PERCENT = 28;
    /** One thread reads at most 1/24 of the heap: from the database for an answer, or from the log for the database. */
    private static final int TRANSACTION = 24;
    /** Cached transaction ids get 1/8 of the heap. */
    private static final int IDS = 8;

    private static final int BYTES_PER_ID = 32;
    /** The transaction ids of leased messages get 1/48 of the heap. */
    private static final int LEASES = 48;

    private static final int BYTES_PER_LEASED_MESSAGE = 100;

    private HeapShares() {}

    /** Returns the bytes for all requests. */
    public static long requests() {
        return Runtime.getRuntime().maxMemory() / 100 * REQUESTS_PERCENT;
    }

    /** Returns the bytes that one transaction may hold: {@code most}, or less if the heap is small. */
    public static long transaction(long most) {
        return Math.min(most, Runtime.getRuntime().maxMemory() / TRANSACTION);
    }

    /** Returns the number of leased messages that may be remembered: {@code most}, or fewer if the heap is small. */
    public static int leasedMessages(int most) {
        return (int) Math.min(most, Runtime.getRuntime().maxMemory() / LEASES / BYTES_PER_LEASED_MESSAGE);
    }

    /** Returns the number of transaction ids that may be cached: {@code most}, or fewer if the heap is small. */
    public static int ids(int most) {
        return (int) Math.min(most, Runtime.getRuntime().maxMemory() / IDS / BYTES_PER_ID);
    }
}
