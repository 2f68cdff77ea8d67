package dev.sluice.bridge.work;

import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.work.builtin.Builtin;
import dev.sluice.bridge.work.builtin.BuiltinParts;
import dev.sluice.work.AsyncHandler;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.WorkBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The handlers of a configuration, made by plug-ins, or built-in. */
final class Handlers implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Handlers.class);

    private final List<HandlerConfig> configs;
    private final Plugins plugins;
    private final Map<String, Plugins.Made> byWorkType = new LinkedHashMap<>();

    /**
     * Makes all handlers.
     *
     * @param parts what built-in handlers get
     * @throws StartException if one of them cannot be made; then those that were made are closed again
     */
    Handlers(WorkConfig config, BuiltinParts parts) throws StartException {
        configs = config.handlers();
        plugins = new Plugins(config.plugins(), configs.stream().anyMatch(each -> each.builtin() == null));
        boolean complete = false;
        try {
            for (HandlerConfig each : configs) {
                byWorkType.put(each.workType(), make(each, parts));
            }
            complete = true;
        } finally {
            if (!complete) {
                close();
            }
        }
    }

    private Plugins.Made make(HandlerConfig config, BuiltinParts parts) throws StartException {
        Builtin builtin = config.builtin();
        if (builtin == null) {
            return plugins.make(config);
        }
        boolean isBatch = config.batching() != null;
        if (isBatch && !builtin.takesBatches()) {
            throw new StartException(config.key("batch.*") + " has no use: this handler takes one work at a time");
        }
        HandlerSettings settings = Plugins.settings(config, getClass().getClassLoader(), "the service");
        return new Plugins.Made(builtin.make(parts, settings, isBatch), settings);
    }

    /** Returns the class loaders of the handlers. */
    List<ClassLoader> loaders() {
        return byWorkType.values().stream()
                .map(made -> made.handler().getClass().getClassLoader())
                .toList();
    }

    /** Registers the handlers with a buffer under construction. */
    void register(WorkBuffer.Builder builder) {
        configs.forEach(config -> {
            Plugins.Made made = Objects.requireNonNull(byWorkType.get(config.workType()));
            if (made.handler() instanceof Handler handler) {
                builder.handler(config.workType(), handler, made.settings());
            } else if (made.handler() instanceof AsyncHandler handler) {
                builder.asyncHandler(config.workType(), handler, made.settings());
            } else if (made.handler() instanceof BatchHandler handler) {
                Batching batching = config.batching() == null ? HandlerConfig.USUAL_BATCHING : config.batching();
                builder.batchHandler(config.workType(), handler, batching, made.settings());
            }
        });
    }

    /** Closes the handlers that can be closed, and the class loaders of the plug-ins. */
    @Override
    public void close() {
        byWorkType.forEach((type, made) -> {
            if (made.handler() instanceof AutoCloseable closeable) {
                close(type, closeable);
            }
        });
        byWorkType.clear();
        plugins.close();
    }

    private static void close(String type, AutoCloseable handler) {
        try {
            handler.close();
        } catch (Exception | LinkageError e) {
            log.warn("A handler did not close type={}", type, e);
        }
    }
}
