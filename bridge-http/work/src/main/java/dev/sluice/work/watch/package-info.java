/**
 * What programs that watch an engine use: {@link dev.sluice.work.watch.WorkMeter} counts what happens, and
 * {@link dev.sluice.work.watch.WorkEventJson} writes events as the JSON texts that other programs get.
 */
@NullMarked
package dev.sluice.work.watch;

import org.jspecify.annotations.NullMarked;
