/**
 * The whole service seen from outside: real documents pushed over HTTP, popped and acknowledged by consumer groups,
 * while PostgreSQL stops or the bridge is killed.
 *
 * <p>What was answered is written in a ledger by those who push; what was delivered, by those who pop. The two are
 * compared.
 */
@NullMarked
package dev.sluice.bridge.e2e;

import org.jspecify.annotations.NullMarked;
