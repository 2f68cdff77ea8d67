/**
 * Routes that change how the service works: queues, consumer groups, dead letters, the local log, maintenance and
 * migration.
 */
@NullMarked
package dev.sluice.bridge.api.manage;

import org.jspecify.annotations.NullMarked;
