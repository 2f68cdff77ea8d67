/**
 * Tasks that run by the clock beside the requests: the release of scheduled messages, housekeeping and the maintenance
 * switches.
 */
@NullMarked
package dev.sluice.bridge.jobs;

import org.jspecify.annotations.NullMarked;
