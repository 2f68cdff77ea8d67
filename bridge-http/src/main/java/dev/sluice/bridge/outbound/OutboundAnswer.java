package dev.sluice.bridge.outbound;

import org.jspecify.annotations.Nullable;

/**
 * The answer to a call.
 *
 * @param status its status
 * @param retryAfter its header {@code Retry-After}; null: none
 * @param snippet the beginning of its body, as a text without control characters
 * @param isCut whether the body was longer than what is read; then the connection was closed
 */
public record OutboundAnswer(int status, @Nullable String retryAfter, String snippet, boolean isCut) {}
