/**
 * Dead letters in bulk: counts by shape of error, and jobs that move letters back or delete them.
 *
 * <ul>
 *   <li>{@link dev.sluice.queue.letters.ErrorGroups} counts all letters by queue, group and
 *       {@linkplain dev.sluice.queue.ErrorShape shape} of error. The shape is a column that has an index. It is
 *       computed when a letter is stored.
 *   <li>{@link dev.sluice.queue.letters.DeadLetterJobs} has the jobs. A job is a row of {@code dead_letter_jobs}: a
 *       filter or a list of letters, the newest letter when it was made, and how far it is.
 *   <li>{@link dev.sluice.queue.letters.DeadLetterJobRunner} does jobs under a lease, in steps. A step is a transaction
 *       of {@link dev.sluice.queue.transact.Redrive} that also stores the progress.
 * </ul>
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>A job is about the letters that existed when it was made. A letter that fails again is a new letter with a
 *       greater id, so a job ends.
 *   <li>A step looks at ten thousand letters at most and moves five hundred at most, so it is short whatever the number
 *       of letters.
 *   <li>A transaction locks letters, then the keys of works, then partitions, and last the row of the job.
 *   <li>The row of a job names its owner. A statement that changes it without being the owner changes nothing, and the
 *       transaction with the letters is rolled back.
 * </ul>
 */
@NullMarked
package dev.sluice.queue.letters;

import org.jspecify.annotations.NullMarked;
