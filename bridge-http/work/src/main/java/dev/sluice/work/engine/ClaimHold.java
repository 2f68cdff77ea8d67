package dev.sluice.work.engine;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A row of {@code work_claims} that this engine holds. The dispatcher changes it. */
final class ClaimHold {
    private final UUID id;
    private final @Nullable String limited;
    private int left;

    /**
     * Makes a hold.
     *
     * @param works how many works the claim has
     * @param limited the name of the limits whose room they take; null: they take none
     */
    ClaimHold(UUID id, int works, @Nullable String limited) {
        this.id = id;
        this.left = works;
        this.limited = limited;
    }

    @Nullable
    String limited() {
        return limited;
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
