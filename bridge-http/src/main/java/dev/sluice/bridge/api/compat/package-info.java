/** Routes that exist only for clients of Queen MQ. */
@NullMarked
package dev.sluice.bridge.api.compat;

import org.jspecify.annotations.NullMarked;
