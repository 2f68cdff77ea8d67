/**
 * Runs the suites of the queue and of the sink, which are in the connector's tests, on servers in containers.
 *
 * <p>Only {@code -Pcontainers} builds this module. The default build runs the same suites on servers of its own. Without
 * Docker all tests of this module are skipped with a message. No other test is skipped for that reason.
 */
@NullMarked
package dev.sluice.containers;

import org.jspecify.annotations.NullMarked;
