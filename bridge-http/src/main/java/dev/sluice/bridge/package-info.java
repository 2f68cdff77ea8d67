/**
 * The service as a whole: its command line, its configuration, its wiring, and the PostgreSQL it brings along.
 *
 * <p>{@link dev.sluice.bridge.Bridge} is the wiring diagram as code. What it wires lives below, one package for each
 * thing with nouns of its own: {@code api} speaks HTTP, {@code ingest} moves pushes into the log and on to the
 * database, {@code pop} merges what consumers ask for.
 */
@NullMarked
package dev.sluice.bridge;

import org.jspecify.annotations.NullMarked;
