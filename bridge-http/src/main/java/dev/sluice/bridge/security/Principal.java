package dev.sluice.bridge.security;

import org.jspecify.annotations.Nullable;

/**
 * The owner of a valid token.
 *
 * @param subject {@code sub} of the token, 1 to 255 characters that PostgreSQL can store; null if it has none
 * @param role the highest role of the token; null if it has no known role, which allows nothing
 */
public record Principal(@Nullable String subject, @Nullable Role role) {}
