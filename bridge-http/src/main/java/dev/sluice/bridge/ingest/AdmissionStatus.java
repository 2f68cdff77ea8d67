package dev.sluice.bridge.ingest;

/**
 * Counts of the admission. All but the first two only grow.
 *
 * @param boundedQueues queues with a {@code maxSize}
 * @param encryptedQueues queues that are encrypted
 * @param refusedQueueFull pushes refused because a queue was full
 * @param refusedNoKey pushes refused because a queue is encrypted and there is no key
 * @param failedReads reads of the rules that failed
 */
public record AdmissionStatus(
        long boundedQueues, long encryptedQueues, long refusedQueueFull, long refusedNoKey, long failedReads) {}
