/**
 * The HTTP server and its one table of routes.
 *
 * <pre>
 *   HttpService ──▶ JavalinRoutes ──▶ RouteTable ──▶ endpoints of api.messages, api.manage, api.observe, api.compat
 *     Jetty           Javalin           Backend
 * </pre>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.api.HttpService} starts Jetty and Javalin, and stops them.
 *   <li>{@code RouteTable} makes the endpoints, gives each the parts of the {@link dev.sluice.bridge.api.Backend} that
 *       it uses, and lists their rows: method, path, access and handler. The guard, the server and the tests of the
 *       contract read this table.
 *   <li>{@code JavalinRoutes} registers the table. It checks a request, calls the endpoint and sends the answer.
 *       {@code JavalinRequest} hides Javalin's request from the endpoints. Only these two and {@code HttpService} know
 *       Javalin.
 *   <li>{@code DocumentationEndpoints} serves the contract.
 * </ul>
 *
 * <p>An endpoint decodes the request, calls the service and encodes the result. It returns a future, and never waits
 * for the database, the disk or the client. Answers are written on the threads of the HTTP server, so that a client
 * that does not read cannot hold up the thread that completed its request.
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
