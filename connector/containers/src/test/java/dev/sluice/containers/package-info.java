/**
 * Runs the suites of the queue and of the sink, which are in the connector's tests, on servers in containers.
 *
 * <p>The suites are those of the default build, which runs them on servers of its own in any case; this module is no part of it. It is
 * built with {@code -Pcontainers}. Where there is no Docker every test here is skipped, and says why; none elsewhere is.
 */
@NullMarked
package dev.sluice.containers;

import org.jspecify.annotations.NullMarked;
