package dev.sluice.bridge.endpoint;

/**
 * An attempt that was kept.
 *
 * @param id its position in lists
 * @param ended how it ended
 */
public record KeptAttempt(long id, Delivery.Ended ended) {}
