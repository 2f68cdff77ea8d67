/**
 * How workers are shared: what limits leave ({@code Allowance}), which part each limit key gets ({@code Shares}), and
 * which part each lane gets ({@code LaneShares}). Only arithmetic: the engine reads and stores what is counted.
 */
@NullMarked
package dev.sluice.work.share;

import org.jspecify.annotations.NullMarked;
