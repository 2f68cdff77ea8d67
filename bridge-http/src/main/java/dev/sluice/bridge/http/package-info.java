/**
 * HTTP below the routes: connections, bodies, parameters, answers, errors, and the checks in front of every route.
 *
 * <pre>
 *   PatientConnector ▶ RequestTargets ▶ RequestSyntax ▶ ForeignPages ▶ Guard ▶ Endpoint ▶ Answer
 *     Connections       BadHttp          400, 501         403             401, 403   │
 *                                                                                    └▶ RequestBodies
 *                                                                  RequestMemory, JsonRequest, NdjsonLines
 * </pre>
 *
 * <p>Rules:
 *
 * <ul>
 *   <li>No thread waits for a client. Bodies arrive and answers leave as callbacks of the server.
 *   <li>An endpoint fails with an exception. Only {@link dev.sluice.bridge.http.Problem} maps exceptions to statuses.
 *   <li>A request that a proxy or another reader could take for another request is refused: {@code RequestTargets} and
 *       {@code RequestSyntax} decide for all routes. {@code BadHttp} says what is wrong with what Jetty refuses.
 *   <li>A request takes memory before it uses it.
 *   <li>Nothing here knows Javalin. Jetty appears where bodies, connections and answers need it, and the servlet API
 *       only where an answer of {@link dev.sluice.bridge.http.Answer} leaves through servlets.
 * </ul>
 *
 * <p>Public types for endpoints: {@link dev.sluice.bridge.http.Request} and {@link dev.sluice.bridge.http.Query} (what
 * the client asks), {@link dev.sluice.bridge.http.Parameters}, {@link dev.sluice.bridge.http.PageRequest} and
 * {@link dev.sluice.bridge.http.TimeRange} (parameters with their checks),
 * {@link dev.sluice.bridge.http.RequestBodies}, {@link dev.sluice.bridge.http.JsonRequest} and
 * {@link dev.sluice.bridge.http.NdjsonLines} (bodies), {@link dev.sluice.bridge.http.ClientConnection} (whether the
 * client of a waiting pop is still there), {@link dev.sluice.bridge.http.Answer},
 * {@link dev.sluice.bridge.http.AdminJson} and {@link dev.sluice.bridge.http.Problem} (answers).
 *
 * <p>Public types for the table of routes and the server: {@link dev.sluice.bridge.http.Route},
 * {@link dev.sluice.bridge.http.Access} and {@link dev.sluice.bridge.http.Endpoint} (its rows),
 * {@link dev.sluice.bridge.http.RequestTargets}, {@link dev.sluice.bridge.http.RequestSyntax},
 * {@link dev.sluice.bridge.http.Guard}, {@link dev.sluice.bridge.http.ForeignPages},
 * {@link dev.sluice.bridge.http.Cors}, {@link dev.sluice.bridge.http.WebPages} and
 * {@link dev.sluice.bridge.http.TrustedOrigins} (its checks), {@link dev.sluice.bridge.http.PatientConnector},
 * {@link dev.sluice.bridge.http.Connections} and {@link dev.sluice.bridge.http.JsonErrorHandler} (its connections), and
 * {@link dev.sluice.bridge.http.ZstdLibrary} (loaded at the start of the service).
 */
@NullMarked
package dev.sluice.bridge.http;

import org.jspecify.annotations.NullMarked;
