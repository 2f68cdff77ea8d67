/** What is told of a work that has ended, to whom it named when it was enqueued. */
@NullMarked
package dev.sluice.work.callback;

import org.jspecify.annotations.NullMarked;
