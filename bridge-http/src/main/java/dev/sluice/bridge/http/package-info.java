/** HTTP below the routes: connections, bodies, answers, parameters, errors, and the guard in front of every route. */
@NullMarked
package dev.sluice.bridge.http;

import org.jspecify.annotations.NullMarked;
