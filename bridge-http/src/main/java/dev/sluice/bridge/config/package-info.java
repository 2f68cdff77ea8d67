/**
 * Settings: where they come from, what they may be, and the typed parts that the rest of the service gets.
 *
 * <p>{@link dev.sluice.bridge.config.ConfigSources} reads file, environment and command line.
 * {@link dev.sluice.bridge.config.BridgeConfig} checks the values and makes the configuration of each part.
 */
@NullMarked
package dev.sluice.bridge.config;

import org.jspecify.annotations.NullMarked;
