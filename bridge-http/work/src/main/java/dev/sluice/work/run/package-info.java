/**
 * The run of a handler and the decision about it, without a database: which works are not to run, in which order the
 * methods of a handler are called, and what is to be stored afterwards. The engine and the kit for tests of handlers
 * both use these classes, so that they cannot differ.
 */
@NullMarked
package dev.sluice.work.run;

import org.jspecify.annotations.NullMarked;
