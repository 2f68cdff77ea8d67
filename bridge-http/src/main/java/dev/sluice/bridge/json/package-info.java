/** JSON in and out: a reader that charges what it keeps, and a writer that keeps its text in pieces. */
@NullMarked
package dev.sluice.bridge.json;

import org.jspecify.annotations.NullMarked;
