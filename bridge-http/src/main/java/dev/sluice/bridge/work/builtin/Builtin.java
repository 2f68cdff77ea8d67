package dev.sluice.bridge.work.builtin;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;

/** A handler of the service itself, as the configuration describes it. Immutable. */
public interface Builtin {
    /**
     * Makes the handler.
     *
     * @param parts what the process has
     * @param settings those of its type
     * @param isBatch whether the configuration asks for calls with many works
     * @return if it is an {@code AutoCloseable}, it is closed after its last work
     */
    Hooks make(BuiltinParts parts, HandlerSettings settings, boolean isBatch);

    /** Returns whether it can handle many works in a call. */
    default boolean takesBatches() {
        return false;
    }
}
