package dev.sluice.bridge.endpoint;

import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * An endpoint. Immutable. Times are of the database's clock.
 *
 * @param id its id
 * @param description for people
 * @param selection which messages it gets
 * @param target where to and how
 * @param condition whether it gets them
 * @param version changes with everything that a delivery needs
 * @param times when it was made and changed
 */
public record Endpoint(
        String id,
        String description,
        Selection selection,
        Target target,
        Condition condition,
        long version,
        Times times) {

    /** Whether an endpoint gets messages. */
    public enum State {
        ACTIVE,
        /** An operator has paused it. */
        PAUSED,
        /** It has failed for long, or has answered 410. */
        DISABLED,
        /** It is hidden, and what belongs to it is being deleted. */
        DELETING;

        /** Returns its name for clients and in the table. */
        public String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Whether an endpoint gets messages, and how it is.
     *
     * @param since since when it has its state
     * @param reason why it is disabled; null: it is not
     * @param failingSince the first failure after its last success; null: its last attempt succeeded
     * @param lastFailedAt its last failure; null: none
     */
    public record Condition(
            State state,
            Instant since,
            @Nullable String reason,
            @Nullable Instant failingSince,
            @Nullable Instant lastFailedAt) {}

    /**
     * Times of an endpoint.
     *
     * @param startsAt groups that are registered read the messages from then on
     */
    public record Times(Instant startsAt, Instant createdAt, Instant updatedAt) {}

    /** Returns whether it gets messages. */
    public boolean isActive() {
        return condition.state() == State.ACTIVE;
    }
}
