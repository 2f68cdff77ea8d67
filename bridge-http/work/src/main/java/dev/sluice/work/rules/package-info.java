/** The rules of names and texts: how types, keys and lanes are named in the queue, and what is JSON. */
@NullMarked
package dev.sluice.work.rules;

import org.jspecify.annotations.NullMarked;
