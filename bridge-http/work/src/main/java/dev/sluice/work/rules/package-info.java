/**
 * The rules of names, texts and times: how types, keys and lanes are named in the queue, what is JSON, how durations
 * are counted, and how long an enqueue is held back.
 */
@NullMarked
package dev.sluice.work.rules;

import org.jspecify.annotations.NullMarked;
