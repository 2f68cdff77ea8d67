/**
 * Looks works up, whichever table holds them; lists, counts and retries them. The API of it is
 * {@link dev.sluice.work.WorkAdmin}.
 *
 * <p>A work is in one of seven places, and moves from one to the next while a look-up runs. So {@code Lookup} reads all
 * tables that it can read by the id in one snapshot. If none has the work, {@code Lookup} finds the place of the work
 * in the segments, which never changes, and then reads in one snapshot what the engines have done with that place. If
 * that snapshot shows that the work has moved into a table, the look-up begins again. So no answer mixes two moments,
 * and no work is missed while it moves.
 *
 * <p>{@code Listing} reads table after table, each in the order of an index, and leaves out what is not wanted.
 */
@NullMarked
package dev.sluice.work.admin;

import org.jspecify.annotations.NullMarked;
