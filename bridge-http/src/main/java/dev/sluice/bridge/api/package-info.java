/**
 * The HTTP contract: what a request must look like, and what goes back.
 *
 * <p>An endpoint decodes, calls, encodes. {@link Routes} lists them all; {@link Problem} is the only place that turns a
 * failure into a status and a body. Bodies are read by a streaming parser into the records of {@code dev.sluice.queue},
 * with every payload kept as the bytes the client sent, and answers are written straight to bytes: between a producer
 * and a consumer a payload is copied, never re-encoded.
 *
 * <p>No handler waits for the database or the disk: each returns a future. Answers are written on the HTTP server's own
 * threads, so that a client that does not read cannot hold up the thread that completed its request.
 *
 * <p>What a body must be: strict UTF-8 without a byte order mark, strict RFC 8259. Unknown fields are skipped, the last
 * of two equal names wins.
 */
@NullMarked
package dev.sluice.bridge.api;

import dev.sluice.bridge.http.Problem;
import org.jspecify.annotations.NullMarked;
