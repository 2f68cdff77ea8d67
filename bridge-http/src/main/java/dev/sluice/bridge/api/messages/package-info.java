/** Routes that move messages: push, pop, acknowledge, leases, transactions and streams. */
@NullMarked
package dev.sluice.bridge.api.messages;

import org.jspecify.annotations.NullMarked;
