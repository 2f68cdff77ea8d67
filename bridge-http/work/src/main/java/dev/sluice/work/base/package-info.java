/** What the engine stands on and what knows nothing of its works: its threads, and the bound on works that wait. */
@NullMarked
package dev.sluice.work.base;

import org.jspecify.annotations.NullMarked;
