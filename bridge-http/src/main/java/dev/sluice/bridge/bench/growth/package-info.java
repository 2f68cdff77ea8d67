/**
 * The command {@code sluice bench --growth}: how a bridge behaves when something grows.
 *
 * <p>{@link dev.sluice.bridge.bench.growth.Growth} lists what can grow: partitions, consumer groups, payloads, stored
 * messages, or the time that a load runs. A curve repeats the same loads with another number of what grows. Each point
 * of partitions, groups and payloads has a bridge of its own with a new data directory, so that it does not depend on
 * the points before it. The points of messages share one bridge, because it is filled between them. The soak is one
 * load at a fixed rate, which is sampled every few seconds.
 *
 * <h2>Main classes</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.bench.growth.GrowthCommand} parses the words ({@code GrowthOptions}), runs the curves
 *       ({@code GrowthRun}), prints tables ({@code GrowthReport}), and writes a file ({@code GrowthFile}) and pictures
 *       ({@code GrowthPictures}).
 *   <li>{@code GrowthBridge} is the bridge of a point, with the loads. {@code Point} is what a load cost there.
 *   <li>{@code Soak} drives the load and samples. {@code Gauge} lists what a {@code Sample} has.
 *   <li>{@code LinePicture} draws lines as SVG, readable on light and on dark pages.
 * </ul>
 *
 * <h2>Rules</h2>
 *
 * <p>The load runs on the thread of the command. The soak has one more thread, which reads the gauges, so that reading
 * does not delay a request. The load's thread gives it the counts of a slice of time when it asks; nothing else is
 * shared. Every step has a limit of time, and the temporary directory is deleted in the end. What was measured before a
 * failure is written too.
 *
 * <p>Public type: {@code GrowthCommand}, which the main class calls.
 */
@NullMarked
package dev.sluice.bridge.bench.growth;

import org.jspecify.annotations.NullMarked;
