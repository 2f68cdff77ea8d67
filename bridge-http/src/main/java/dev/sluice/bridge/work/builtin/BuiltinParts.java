package dev.sluice.bridge.work.builtin;

import dev.sluice.bridge.webhook.WebhookSender;
import java.util.function.Consumer;

/**
 * What the process gives to its built-in handlers.
 *
 * @param sender sends requests
 * @param pause pauses a type of work on all engines; does not block
 * @param channels has the queues of channels
 */
public record BuiltinParts(WebhookSender sender, Consumer<String> pause, SocketBuiltin.Channels channels) {}
