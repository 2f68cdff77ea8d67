package dev.sluice.work.engine;

/** A work of this engine whose run has ended, and what is to be stored. */
record Ended(Begun begun, Verdict verdict) {}
