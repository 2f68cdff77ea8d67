package dev.sluice.bridge.metrics;

import java.util.Map;

/**
 * Counts of endpoints.
 *
 * @param byState endpoints of the database, by state
 * @param copied works that this process has written for endpoints
 * @param disabled endpoints that this process has disabled
 * @param unsigned endpoints to which this process cannot deliver
 * @param droppedAttempts attempts that were not kept because there was no room
 */
public record EndpointCounts(
        Map<String, Long> byState, long copied, long disabled, long unsigned, long droppedAttempts) {
    /** Those of a process without endpoints. */
    public static final EndpointCounts NONE = new EndpointCounts(Map.of(), 0, 0, 0, 0);

    public EndpointCounts {
        byState = Map.copyOf(byState);
    }
}
