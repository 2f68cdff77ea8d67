package dev.sluice.work;

import static java.util.Objects.requireNonNull;

import java.util.UUID;

/**
 * The id of a work: that of its message. It stays the same over retries.
 *
 * @param value a UUIDv7
 */
public record WorkId(UUID value) {
    public WorkId {
        requireNonNull(value, "value");
    }

    /**
     * Parses the text of an id.
     *
     * @throws IllegalArgumentException if it is not a UUID
     */
    public static WorkId of(String text) {
        return new WorkId(UUID.fromString(text));
    }

    @Override
    public String toString() {
        return value.toString();
    }
}
