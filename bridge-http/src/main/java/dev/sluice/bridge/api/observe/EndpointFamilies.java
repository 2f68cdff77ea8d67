package dev.sluice.bridge.api.observe;

import dev.sluice.bridge.metrics.EndpointCounts;

/** Collects the metrics of endpoints. All but the number of endpoints count what this process does. */
final class EndpointFamilies {
    private EndpointFamilies() {}

    static void add(Families families, EndpointCounts counts) {
        counts.byState()
                .forEach((state, endpoints) ->
                        families.gauge("sluice_endpoints", "Endpoints in the database.", endpoints, "state", state));
        families.counter("sluice_endpoint_messages", "Messages that were copied for endpoints.", counts.copied());
        families.counter("sluice_endpoints_disabled", "Endpoints that were disabled here.", counts.disabled());
        families.gauge(
                "sluice_endpoints_undeliverable",
                "Endpoints to which this process cannot deliver, because it lacks a key.",
                counts.unsigned());
        families.counter(
                "sluice_endpoint_attempts_dropped",
                "Attempts that were not kept because there was no room.",
                counts.droppedAttempts());
    }
}
