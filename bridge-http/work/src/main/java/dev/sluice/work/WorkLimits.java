package dev.sluice.work;

import dev.sluice.queue.LimitKey;
import org.jspecify.annotations.Nullable;

/**
 * Limits of a type, on all engines together.
 *
 * @param key where the limit key of a work is: a JSON pointer to a text, number or boolean of the payload, or
 *     {@code header:NAME}; null: works have none
 * @param ofType the limit of all works of the type
 * @param ofEachKey the limit of the works of each limit key
 */
public record WorkLimits(@Nullable String key, Limit ofType, Limit ofEachKey) {
    /** No limits, and no limit keys. */
    public static final WorkLimits NONE = new WorkLimits(null, Limit.NONE, Limit.NONE);

    /**
     * Checks the place of the key.
     *
     * @throws IllegalArgumentException if it is no place
     */
    public WorkLimits {
        if (key != null) {
            LimitKey.parse(key);
        }
    }
}
