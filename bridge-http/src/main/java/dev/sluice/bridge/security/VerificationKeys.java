package dev.sluice.bridge.security;

import java.security.Key;
import java.util.concurrent.CompletableFuture;

/** Finds the key of a token. */
interface VerificationKeys {
    /**
     * Finds the key that must have signed a token. Does not block.
     *
     * @return completes with a key that the token's algorithm accepts; exceptionally with {@link InvalidTokenException}
     *     if there is none, or {@link KeysUnavailableException} if it cannot be fetched now
     */
    CompletableFuture<Key> keyOf(Token token);
}
