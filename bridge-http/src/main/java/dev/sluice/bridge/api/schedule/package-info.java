/** Routes of schedules: make, show, change, pause, run and delete them. */
@NullMarked
package dev.sluice.bridge.api.schedule;

import org.jspecify.annotations.NullMarked;
