package dev.sluice.bridge.work;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.WorkBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * Settings of the work engine of a process.
 *
 * @param schema the schema of the queue
 * @param appliesSchema whether the engine creates and upgrades the schema; else it checks it
 * @param cipher keys of encrypted queues
 * @param settings sets the settings of the buffer
 * @param handlers the handlers that the engine runs
 * @param plugins the directory of the plug-ins
 * @param countsWorks whether the process counts what happens to works
 * @param maxTypes types that are counted by name
 */
public record WorkConfig(
        String schema,
        boolean appliesSchema,
        PayloadCipher cipher,
        Consumer<WorkBuffer.Builder> settings,
        List<HandlerConfig> handlers,
        Path plugins,
        boolean countsWorks,
        int maxTypes) {
    /** One claims and finishes works, one renews leases, one enqueues, and two serve callers. */
    private static final int HANDLER_CONNECTIONS = 5;

    public WorkConfig {
        handlers = List.copyOf(handlers);
    }

    /** Returns whether the engine runs handlers. */
    public boolean hasHandlers() {
        return !handlers.isEmpty();
    }

    /** Returns how many connections the engine always has; 0 if it runs no handlers. */
    public int connections() {
        return hasHandlers() ? HANDLER_CONNECTIONS : 0;
    }

    /** Returns the same settings for a process whose engine creates and upgrades the schema, or checks it. */
    public WorkConfig withSchema(boolean applies) {
        return new WorkConfig(schema, applies, cipher, settings, handlers, plugins, countsWorks, maxTypes);
    }
}
