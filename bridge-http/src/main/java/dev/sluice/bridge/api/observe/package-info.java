/** Routes that show things: status, lists, messages, traces, statistics and metrics. */
@NullMarked
package dev.sluice.bridge.api.observe;

import org.jspecify.annotations.NullMarked;
