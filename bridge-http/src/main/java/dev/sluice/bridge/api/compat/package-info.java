/**
 * Routes that exist only for clients of Queen MQ, so that they could be deleted one day.
 *
 * <p>{@link dev.sluice.bridge.api.compat.DirectPushEndpoint} pushes straight into PostgreSQL. It is public because the
 * table of routes makes it.
 */
@NullMarked
package dev.sluice.bridge.api.compat;

import org.jspecify.annotations.NullMarked;
