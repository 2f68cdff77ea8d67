package dev.sluice.bridge.endpoint;

/**
 * What a client says of an endpoint.
 *
 * @param id its id
 * @param description for people
 * @param selection which messages it gets
 * @param target where to and how
 */
public record EndpointSpec(String id, String description, Selection selection, Target target) {
    /** Returns what was said of an endpoint. */
    public static EndpointSpec of(Endpoint endpoint) {
        return new EndpointSpec(endpoint.id(), endpoint.description(), endpoint.selection(), endpoint.target());
    }
}
