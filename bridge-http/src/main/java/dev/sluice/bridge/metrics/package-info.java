/**
 * Counters and measurements of this process.
 *
 * <p>The HTTP routes add to {@link dev.sluice.bridge.metrics.Counters}, by queue; retention adds what it deletes.
 * Counters only grow while the process lives. They go two ways:
 *
 * <ul>
 *   <li>{@code /metrics/prometheus} shows them as they are.
 *   <li>{@link dev.sluice.bridge.metrics.MetricsFlush} adds their growth to the tables {@code minute_counters} and
 *       {@code minute_samples} every few seconds, so that charts survive a restart. If the database is unreachable, the
 *       next flush includes what could not be written.
 * </ul>
 *
 * <p>{@link dev.sluice.bridge.metrics.Metrics} holds everything: the counters, {@code LastMinute} (rates for status
 * pages), {@code RequestTimes} (a histogram of durations), {@code LeaseExtensions}, {@code WorkMetrics} (what the work
 * engine does), {@code ProcessUsage} (processor, memory, connections), and the last state of the queues.
 * {@code ProcessSamples} and {@code SampledMetric} turn usage into rows.
 *
 * <p>The number of queues that are counted by name is bounded. All others are counted together under an empty name; a
 * queue without counts for an hour makes room for another.
 *
 * <p>Public types: {@code Metrics} and its parts, for the routes that count and the pages that show;
 * {@code MetricsFlush}, {@code ProcessUsage}, {@code WorkMetrics} and {@code RetentionCounts}, for the wiring;
 * {@code SampledMetric}, for the charts.
 */
@NullMarked
package dev.sluice.bridge.metrics;

import org.jspecify.annotations.NullMarked;
