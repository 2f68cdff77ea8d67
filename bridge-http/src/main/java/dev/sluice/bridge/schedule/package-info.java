/**
 * Schedules: messages that the service pushes by the clock.
 *
 * <p>A {@link dev.sluice.bridge.schedule.Timetable} says at which times, its ticks, a schedule fires. The row of a
 * schedule has its next tick. Each bridge has a thread that waits for the earliest one ({@code ScheduleService}). It
 * locks the rows that are due and that no other bridge has locked, writes a message for each tick, and moves the rows
 * on to their next ticks, all in one transaction ({@code Firing}). So there is no leader, and each tick is fired once:
 * if a bridge dies, the transaction has either done both or nothing.
 *
 * <p>The clock of the database says what is due. If it goes back, nothing is fired until it has passed the last tick
 * again. If it jumps ahead, or no bridge ran for a while, the ticks in between were missed, and
 * {@link dev.sluice.bridge.schedule.Missed} says what happens to them.
 */
@NullMarked
package dev.sluice.bridge.schedule;

import org.jspecify.annotations.NullMarked;
