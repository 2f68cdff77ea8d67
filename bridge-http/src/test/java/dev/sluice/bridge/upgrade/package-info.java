/**
 * Upgrades from the version before: its database and its local log, opened by this version.
 *
 * <p>Each released version writes a fixture, once: what {@link dev.sluice.bridge.upgrade.FixtureWriter} leaves after a
 * life with every kind of data. {@code src/test/resources/upgrade/README.md} has the command. Later versions open every
 * fixture and must find what the writing version has found in it.
 */
@NullMarked
package dev.sluice.bridge.upgrade;

import org.jspecify.annotations.NullMarked;
