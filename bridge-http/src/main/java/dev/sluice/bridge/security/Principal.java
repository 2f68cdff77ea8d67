package dev.sluice.bridge.security;

import org.jspecify.annotations.Nullable;

/**
 * Somebody whose token was found good.
 *
 * @param subject the token's {@code sub}, 1 to 255 characters that PostgreSQL can store; null if it has none
 * @param role the highest role of the token; null if it has none that we know, which allows nothing
 */
public record Principal(@Nullable String subject, @Nullable Role role) {}
