/**
 * Routes of endpoints: {@code /api/v1/endpoints…}.
 *
 * <ul>
 *   <li>{@code EndpointRoutes} makes, lists, shows, changes and deletes endpoints, and sets their state.
 *   <li>{@code SecretEndpoint} rotates secrets.
 *   <li>{@code DeliveryEndpoints} sends test messages, lists attempts, replays failed deliveries and shows statistics.
 *   <li>{@code EndpointBody} reads what a client says of an endpoint; {@code EndpointJson} writes it.
 * </ul>
 */
@NullMarked
package dev.sluice.bridge.api.endpoint;

import org.jspecify.annotations.NullMarked;
