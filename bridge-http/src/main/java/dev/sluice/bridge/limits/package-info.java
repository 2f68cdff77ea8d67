/**
 * The limits of one request and of all requests together, and the exceptions that refuse a request.
 *
 * <p>{@link dev.sluice.bridge.limits.RequestMemory} is the memory that all requests share.
 */
@NullMarked
package dev.sluice.bridge.limits;

import org.jspecify.annotations.NullMarked;
