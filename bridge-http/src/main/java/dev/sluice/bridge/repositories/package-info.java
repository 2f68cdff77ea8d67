/** The queue as routes use it: the repositories of the database, and the bounded threads that call them. */
@NullMarked
package dev.sluice.bridge.repositories;

import org.jspecify.annotations.NullMarked;
