package dev.sluice.bridge.security;

import java.security.Key;
import java.util.concurrent.CompletableFuture;

/** Where the key of a token comes from. */
interface KeySource {
    /**
     * Finds the key that must have signed a token. Does not block.
     *
     * @return completes with a key that the token's algorithm accepts; exceptionally with {@link InvalidTokenException}
     *     if there is none, or {@link KeysUnavailableException} if that cannot be known now
     */
    CompletableFuture<Key> keyOf(Token token);
}
