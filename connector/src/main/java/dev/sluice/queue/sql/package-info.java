/**
 * The connection to PostgreSQL: named statements, transactions, the settings of sessions, and the schema with its
 * migrations.
 *
 * <p>The packages beside this one know tables. This package knows how a statement is read from a file, how its
 * parameters are bound, how a transaction begins and ends, and what to do when the outcome of a commit is unknown. Each
 * {@code .sql} file has named statements; {@link dev.sluice.queue.sql.Statements} reads them.
 */
@NullMarked
package dev.sluice.queue.sql;

import org.jspecify.annotations.NullMarked;
