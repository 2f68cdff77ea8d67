package dev.sluice.bridge.ingest;

/**
 * Counts since the start. All but the last only grow.
 *
 * <p>{@code messages} is the sum of the four answers and of the waiting messages.
 *
 * @param requests pushes accepted, at least in part
 * @param messages messages in them, and in pushes that failed after a part was accepted
 * @param answeredQueued messages answered after their commit
 * @param answeredDuplicate messages answered as duplicates after a commit
 * @param answeredBuffered messages answered after the sync of the log, whether the producer asked for it or not
 * @param answeredFailed messages answered as failed, or in a push that failed because the log could not write
 * @param fellBack messages answered as buffered although their producer asked for the commit
 * @param refusedFull pushes refused because the log was full
 * @param failedWrites pushes that failed because the log could not write
 * @param waiting pushes that wait for a commit now
 */
public record IntakeStatus(
        long requests,
        long messages,
        long answeredQueued,
        long answeredDuplicate,
        long answeredBuffered,
        long answeredFailed,
        long fellBack,
        long refusedFull,
        long failedWrites,
        int waiting) {}
