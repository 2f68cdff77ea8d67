package dev.sluice.work.engine;

import dev.sluice.work.run.Verdict;

/** A work of this engine whose run has ended, and what is to be stored. */
record Ended(Begun begun, Verdict verdict) {}
