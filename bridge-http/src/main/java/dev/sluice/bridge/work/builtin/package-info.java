/**
 * Handlers that the service has itself, so that a configuration file alone forwards messages: {@code webhook} (or
 * {@code http}), {@code queue}, {@code socket} (or {@code sse}) and {@code log}.
 *
 * <p>A {@link dev.sluice.bridge.work.builtin.Builtin} is such a handler as the configuration describes it: typed,
 * checked, and not running. {@code dev.sluice.bridge.config} makes it of the keys {@code work.handlers.NAME.config.…}.
 * When the engine starts, it makes the handler of what the process has: the client of webhooks, the queues, and the
 * right to pause a type. To add one, write a {@code Builtin}, and its keys in {@code BuiltinSettings}.
 *
 * <p>A name of these handlers hides a provider of a plug-in with the same name.
 */
@NullMarked
package dev.sluice.bridge.work.builtin;

import org.jspecify.annotations.NullMarked;
