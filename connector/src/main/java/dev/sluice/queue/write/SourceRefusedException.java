package dev.sluice.queue.write;

/**
 * Thrown when a source was refused ({@link QueueWriter#refuse}) and no operator has set its offset since
 * ({@link StoredOffsets}).
 */
public final class SourceRefusedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    SourceRefusedException(String reason) {
        super(reason);
    }
}
