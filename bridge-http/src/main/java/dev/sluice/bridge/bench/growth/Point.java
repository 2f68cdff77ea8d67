package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.Result;

/**
 * What a load cost at one point of a curve.
 *
 * @param at how many there were of what grows
 */
record Point(Growth growth, long at, Result result) {}
