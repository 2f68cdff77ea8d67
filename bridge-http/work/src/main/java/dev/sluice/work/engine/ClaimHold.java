package dev.sluice.work.engine;

import java.util.UUID;

/** A row of {@code work_claims} that this engine holds. The dispatcher changes it. */
final class ClaimHold {
    private final UUID id;
    private int left;

    /**
     * Makes a hold.
     *
     * @param works how many works the claim has
     */
    ClaimHold(UUID id, int works) {
        this.id = id;
        this.left = works;
    }

    UUID id() {
        return id;
    }

    /** Returns how many works are not stored as done. */
    int left() {
        return left;
    }

    /** Notes works that are stored as done. */
    void done(int works) {
        left -= works;
    }
}
