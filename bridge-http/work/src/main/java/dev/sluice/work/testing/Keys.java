package dev.sluice.work.testing;

import dev.sluice.work.Enqueued;
import dev.sluice.work.KeyConflictException;
import dev.sluice.work.Work;
import dev.sluice.work.rules.Hashes;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The idempotency keys of a {@link WorkTester}. */
final class Keys {
    private record TypeKey(String type, String key) {}

    private record Taken(TestedWork work, @Nullable Instant expiresAt) {}

    private final Map<TypeKey, Taken> taken = new HashMap<>();

    /**
     * Returns the work that has the key of another one.
     *
     * @return null: the key is free, or there is none
     * @throws KeyConflictException if the payloads differ
     */
    @Nullable
    Enqueued find(Work work, Instant now) {
        Taken other = work.idempotencyKey() == null ? null : taken.get(keyOf(work));
        if (other == null || (other.expiresAt() != null && !other.expiresAt().isAfter(now))) {
            return null;
        }
        String stored = hash(other.work().enqueued());
        String given = hash(work);
        if (!stored.equals(given)) {
            throw new KeyConflictException(work, other.work().id(), stored, given);
        }
        return new Enqueued(
                other.work().id(), true, other.expiresAt() != null, other.work().result());
    }

    private static TypeKey keyOf(Work work) {
        return new TypeKey(work.type(), String.valueOf(work.idempotencyKey()));
    }

    private static String hash(Work work) {
        return HexFormat.of().formatHex(Hashes.sha256(work.payload()));
    }

    void take(TestedWork work) {
        if (work.enqueued().idempotencyKey() != null) {
            taken.put(keyOf(work.enqueued()), new Taken(work, null));
        }
    }

    /** Starts the window of a work that has ended. */
    void finish(TestedWork work, Instant now) {
        if (work.enqueued().idempotencyKey() != null) {
            taken.put(
                    keyOf(work.enqueued()),
                    new Taken(work, now.plus(work.settings().idempotencyWindow())));
        }
    }
}
