/**
 * The work engine inside the bridge: who opens it, with which settings and handlers, and when it stops.
 *
 * <p>{@link dev.sluice.bridge.work.WorkService} owns the {@code WorkBuffer} of the process, on a pool of connections of
 * its own. A bridge without handlers needs the buffer only for the routes that enqueue and administer works, so the
 * service starts it at the first call, and until then it costs neither a thread nor a connection. A bridge with
 * handlers starts it as soon as PostgreSQL answers and the schema is open.
 *
 * <p>The process has one connection that listens to other processes. The buffer does not open a second one: the wiring
 * hands what that connection hears to {@code WorkService.wake}, and what the drain writes too, so a work that was
 * pushed here begins without a way through PostgreSQL.
 *
 * <p>Public types: {@code WorkService} and {@code WorkConfig}, for the wiring and the configuration.
 */
@NullMarked
package dev.sluice.bridge.work;

import org.jspecify.annotations.NullMarked;
