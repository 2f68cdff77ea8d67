/**
 * The limits of one request, of all requests together and of the connections, and the exceptions that refuse a request.
 *
 * <p>Public types:
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.limits.RequestLimits} and {@link dev.sluice.bridge.limits.ConnectionLimits} are
 *       settings.
 *   <li>{@link dev.sluice.bridge.limits.HeapShares} divides the heap between the parts of the service.
 *   <li>{@link dev.sluice.bridge.limits.RequestMemory} is the memory that all requests share. A request takes memory
 *       before it uses it, and gives it back when it is answered. If none is left, the request is refused; the process
 *       does not run out of memory.
 *   <li>{@link dev.sluice.bridge.limits.InvalidRequestException} refuses a request that the client must change (4xx).
 *   <li>{@link dev.sluice.bridge.limits.OverloadedException} refuses a request that the client may retry (503).
 * </ul>
 *
 * <p>{@code dev.sluice.bridge.http.Problem} turns both exceptions into answers.
 */
@NullMarked
package dev.sluice.bridge.limits;

import org.jspecify.annotations.NullMarked;
