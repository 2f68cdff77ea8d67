package dev.sluice.bridge.work;

import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.StartException;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerProvider;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.RetryPolicy;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The plug-ins of a directory: each folder in it is one. Makes the handlers that a configuration describes. */
final class Plugins implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Plugins.class);

    private final Path directory;
    private final List<Plugin> plugins = new ArrayList<>();
    private final List<Path> strayJars = new ArrayList<>();

    /** A plug-in, and the handler that it has made. */
    record Made(Hooks handler, HandlerSettings settings) {}

    /**
     * Opens the plug-ins of a directory. A directory that does not exist has none.
     *
     * @param isUsed whether the configuration has a handler; else the directory is not read
     * @throws StartException if one of them cannot be used; the message names its folder
     */
    Plugins(Path directory, boolean isUsed) throws StartException {
        this.directory = directory.toAbsolutePath().normalize();
        if (!isUsed || !Files.exists(directory)) {
            return;
        }
        boolean complete = false;
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(this.directory)) {
            var folders = new ArrayList<Path>();
            for (Path entry : entries) {
                if (Files.isDirectory(entry)) {
                    folders.add(entry);
                } else if (Plugin.isJar(entry)) {
                    strayJars.add(entry);
                }
            }
            Collections.sort(folders);
            for (Path folder : folders) {
                plugins.add(new Plugin(folder));
            }
            complete = true;
        } catch (IOException e) {
            throw new StartException(
                    "the plug-ins in " + this.directory + " (work.plugins.dir) cannot be read: " + FileProblem.of(e),
                    e);
        } finally {
            if (!complete) {
                close();
            }
        }
    }

    /**
     * Makes a handler.
     *
     * @throws StartException if no plug-in has it, or it cannot be made
     */
    Made make(HandlerConfig config) throws StartException {
        Plugin plugin = null;
        for (Plugin each : plugins) {
            if (has(each, config)) {
                if (plugin != null) {
                    throw new StartException(config.key("type") + "=" + config.type() + " is in two plug-ins: "
                            + plugin.folder() + " and " + each.folder() + "; remove one");
                }
                plugin = each;
            }
        }
        if (plugin == null) {
            throw new StartException(notFound(config));
        }
        Hooks handler = handler(plugin, config);
        if (config.batching() != null && !(handler instanceof BatchHandler)) {
            throw new StartException(config.key("batch.*") + " has no use: "
                    + handler.getClass().getName() + " is no " + BatchHandler.class.getName());
        }
        return new Made(handler, settings(config, plugin.loader(), "the plug-in in " + plugin.folder()));
    }

    private static boolean has(Plugin plugin, HandlerConfig config) throws StartException {
        if (plugin.providers().containsKey(config.type())) {
            return true;
        }
        try {
            plugin.loader().ofJars(config.type());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        } catch (LinkageError e) {
            throw unusable(plugin, config, e);
        }
    }

    private String notFound(HandlerConfig config) {
        String looked;
        if (!Files.exists(directory)) {
            looked = directory + " does not exist";
        } else if (plugins.isEmpty()) {
            looked = directory + " has no folder";
        } else {
            looked = "looked into "
                    + plugins.stream()
                            .map(each -> each.folder() + " (providers: "
                                    + (each.providers().isEmpty()
                                            ? "none"
                                            : String.join(", ", each.providers().keySet()))
                                    + ")")
                            .collect(Collectors.joining(", "));
        }
        String strays = strayJars.isEmpty()
                ? ""
                : "; " + strayJars.get(0) + " is in no folder: each plug-in needs a folder of its own";
        return config.key("type") + "=" + config.type() + " is neither a provider nor a class of a plug-in: " + looked
                + strays;
    }

    private static Hooks handler(Plugin plugin, HandlerConfig config) throws StartException {
        try {
            HandlerProvider provider = plugin.providers().get(config.type());
            Hooks made = provider == null
                    ? construct(plugin.loader().ofJars(config.type()), config)
                    : provider.create(config.config());
            if (made == null) {
                throw new IllegalStateException("the provider returned null");
            }
            log.info(
                    "A plug-in has made a handler name={} work_type={} class={} folder={}",
                    config.name(),
                    config.workType(),
                    made.getClass().getName(),
                    plugin.folder());
            return made;
        } catch (StartException e) {
            throw e;
        } catch (Exception | LinkageError e) {
            throw unusable(
                    plugin, config, e instanceof InvocationTargetException && e.getCause() != null ? e.getCause() : e);
        }
    }

    /** Makes a handler of a class, with its constructor that takes the configuration, or with the one without one. */
    private static Hooks construct(Class<?> type, HandlerConfig config)
            throws StartException, ReflectiveOperationException {
        if (!Hooks.class.isAssignableFrom(type)) {
            throw new StartException(config.key("type") + "=" + config.type() + " is no " + Handler.class.getName()
                    + " and no " + BatchHandler.class.getName());
        }
        try {
            Constructor<?> configurable = type.getConstructor(Map.class);
            return (Hooks) configurable.newInstance(config.config());
        } catch (NoSuchMethodException e) {
            if (!config.config().isEmpty()) {
                throw new StartException(
                        config.key("config.*") + " has no use: " + type.getName()
                                + " has no public constructor that takes a Map",
                        e);
            }
        }
        try {
            return (Hooks) type.getConstructor().newInstance();
        } catch (NoSuchMethodException e) {
            throw new StartException(
                    config.key("type") + "=" + config.type()
                            + " has no public constructor without parameters, or with a Map",
                    e);
        }
    }

    private static StartException unusable(Plugin plugin, HandlerConfig config, Throwable error) {
        return new StartException(
                config.key("type") + "=" + config.type() + " of the plug-in in " + plugin.folder() + " cannot be used: "
                        + Plugin.reason(error),
                error);
    }

    /**
     * Returns the settings of a handler, with the rules that name classes.
     *
     * @param loader finds the classes
     * @param owner whose classes they may be, for people
     */
    static HandlerSettings settings(HandlerConfig config, ClassLoader loader, String owner) throws StartException {
        RetryPolicy retry = config.settings().retry();
        for (String name : config.neverOn()) {
            retry = retry.neverOn(error(config, "retry.never.on", name, loader, owner));
        }
        for (ErrorRules.Retry rule : config.errors().retries()) {
            retry = retry.on(error(config, "retry.on", rule.error(), loader, owner), rule.policy());
        }
        HandlerSettings settings = config.settings().retry(retry);
        BreakerSettings breaker = settings.breaker();
        if (breaker == null) {
            return settings;
        }
        var ignored = new LinkedHashSet<Class<? extends Throwable>>();
        for (String name : config.errors().ignored()) {
            ignored.add(error(config, "breaker.ignore", name, loader, owner));
        }
        return settings.breaker(breaker.ignoring(ignored));
    }

    private static Class<? extends Throwable> error(
            HandlerConfig config, String key, String name, ClassLoader loader, String owner) throws StartException {
        try {
            return Class.forName(name, false, loader).asSubclass(Throwable.class);
        } catch (ClassNotFoundException | LinkageError | ClassCastException e) {
            throw new StartException(
                    config.key(key) + " has " + name + ", which is no error of the JDK or of " + owner, e);
        }
    }

    /** Closes the class loaders of all plug-ins. */
    @Override
    public void close() {
        for (Plugin plugin : plugins) {
            try {
                plugin.close();
            } catch (StartException e) {
                log.warn("A plug-in was not closed reason={}", e.getMessage());
            }
        }
        plugins.clear();
    }
}
