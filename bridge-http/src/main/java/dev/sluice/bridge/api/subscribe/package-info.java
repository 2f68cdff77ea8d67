/**
 * The route to which browsers and services subscribe: {@code /api/v1/subscribe/{queue}}.
 *
 * <p>{@link dev.sluice.bridge.api.subscribe.SubscribeEndpoint} reads the request, and connects the client to a
 * {@link dev.sluice.bridge.subscribe.Subscriber}: as server-sent events ({@code SseClient}), or as a WebSocket if the
 * client asks for one ({@code WebSocketClient}). Neither has a thread of its own. Jetty calls the latter by its public
 * methods, so it is public.
 */
@NullMarked
package dev.sluice.bridge.api.subscribe;

import org.jspecify.annotations.NullMarked;
