package dev.sluice.bridge.ingest;

/**
 * Counts since the intake began. All but the last only grow.
 *
 * <p>{@code messages} is the sum of the four answers and of the messages that wait.
 *
 * @param requests pushes taken, at least in part
 * @param messages messages in them, and those of pushes that failed after a part was taken
 * @param answeredQueued messages answered after their commit
 * @param answeredDuplicate messages answered as duplicates after a commit
 * @param answeredBuffered messages answered after the sync of the log, asked for or not
 * @param answeredFailed messages answered as failed, or in a push that failed because the log could not write
 * @param fellBack messages whose producer wanted to wait for the commit and that were answered as buffered
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
