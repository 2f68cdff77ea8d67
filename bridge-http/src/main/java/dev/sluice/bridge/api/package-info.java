/**
 * The HTTP server and its one table of routes.
 *
 * <pre>
 *   HttpService ──▶ CoreRoutes ──▶ JavalinRoutes ──▶ RouteTable ──▶ endpoints of api.messages, api.manage,
 *     Jetty         hot rows       all other          Backend       api.observe, api.compat
 *                       └── RouteCalls ──┘
 * </pre>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.api.HttpService} starts Jetty and Javalin, and stops them.
 *   <li>{@code RouteTable} makes the endpoints, gives each the parts of the {@link dev.sluice.bridge.api.Backend} that
 *       it uses, and lists their rows: method, path, access and handler. The guard, the server and the tests of the
 *       contract read this table.
 *   <li>{@code CoreRoutes} serves the hot rows (push, pop and ack) with the API of Jetty, without servlets: those cost
 *       more than the rest of such a request. It takes plain requests only. A request with anything odd goes on to
 *       {@code JavalinRoutes}, which alone decides what is wrong with a request.
 *   <li>{@code JavalinRoutes} registers the table. It checks a request, calls the endpoint and sends the answer.
 *       {@code JavalinRequest} hides Javalin's request from the endpoints. Only these two and {@code HttpService} know
 *       Javalin.
 *   <li>{@code RouteCalls} has what both do with a request, so that a check exists once. A test compares their answers
 *       byte for byte.
 *   <li>{@code DocumentationEndpoints} serves the contract.
 * </ul>
 *
 * <p>An endpoint decodes the request, calls the service and encodes the result. It returns a future, and never waits
 * for the database, the disk or the client. The selector that finds a request of a hot row handles it. The selector
 * also writes the answer, as far as the client reads, and the server writes the rest; if a commit completes many
 * requests, one wake-up of the selector is for all of their answers. The thread that completes a long answer writes it.
 * Threads of the pool handle long bodies, every 16th request in a row of one connection, and all other routes, and
 * write the answers of those.
 *
 * <p>A body must be strict UTF-8 without a byte order mark, and strict JSON (RFC 8259). An endpoint skips unknown
 * fields. If an optional field occurs twice, the last one counts, unless the endpoint refuses it. A payload stays the
 * bytes that the client sent, from the producer to the consumer.
 *
 * <p>Public types: {@link dev.sluice.bridge.api.HttpService} and its {@code Config} (the wiring starts the server),
 * {@link dev.sluice.bridge.api.Backend} (the wiring hands in the parts of the service).
 */
@NullMarked
package dev.sluice.bridge.api;

import org.jspecify.annotations.NullMarked;
