/**
 * PostgreSQL as the service needs it: the embedded server, the pools of connections, and the watch that knows whether
 * the database answers and takes writes.
 */
@NullMarked
package dev.sluice.bridge.postgres;

import org.jspecify.annotations.NullMarked;
