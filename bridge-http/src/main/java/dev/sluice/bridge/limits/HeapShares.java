package dev.sluice.bridge.limits;

/**
 * The parts of the heap that the parts of the service may take at most. {@code docs/operations.md} has the table.
 * Together they leave room for long-lived objects and for garbage at the smallest heap, 192 MB.
 */
public final class HeapShares {
    /**
     * All requests together, in percent. At the smallest heap the largest body needs 54 MB, which is 28 percent of 192
     * MB.
     */
    private static final int REQUESTS_PERCENT = 28;
    /** One thread reads at most one part of 24 from the database for an answer, or from the log for the database. */
    private static final int TRANSACTION = 24;
    /** Transaction ids that are remembered get one part of eight. */
    private static final int IDS = 8;

    private static final int BYTES_PER_ID = 32;

    private HeapShares() {}

    /** Returns the bytes for all requests. */
    public static long requests() {
        return Runtime.getRuntime().maxMemory() / 100 * REQUESTS_PERCENT;
    }

    /** Returns the bytes that one transaction may hold: {@code most}, or less if the heap is small. */
    public static long transaction(long most) {
        return Math.min(most, Runtime.getRuntime().maxMemory() / TRANSACTION);
    }

    /** Returns the number of transaction ids that may be remembered: {@code most}, or less if the heap is small. */
    public static int ids(int most) {
        return (int) Math.min(most, Runtime.getRuntime().maxMemory() / IDS / BYTES_PER_ID);
    }
}
