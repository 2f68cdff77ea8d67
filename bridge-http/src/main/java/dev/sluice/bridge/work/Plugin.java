package dev.sluice.bridge.work;

import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.StartException;
import dev.sluice.work.HandlerProvider;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** A plug-in: the jars of a folder and of the folders in it, with a class loader of its own. */
final class Plugin implements AutoCloseable {
    private static final int DEPTH = 5;

    private final Path folder;
    private final PluginLoader loader;
    private final Map<String, HandlerProvider> providers = new LinkedHashMap<>();

    /**
     * Opens a plug-in, and makes its providers.
     *
     * @throws StartException if its jars cannot be read, or a provider cannot be made
     */
    Plugin(Path folder) throws StartException {
        this.folder = folder;
        this.loader = new PluginLoader("plugin " + folder.getFileName(), jars(folder));
        boolean complete = false;
        try {
            for (HandlerProvider provider : ServiceLoader.load(HandlerProvider.class, loader)) {
                add(provider);
            }
            complete = true;
        } catch (ServiceConfigurationError | LinkageError | RuntimeException e) {
            throw new StartException(
                    "the plug-in in " + folder + " has a provider that cannot be used: " + reason(e), e);
        } finally {
            if (!complete) {
                close();
            }
        }
    }

    private void add(HandlerProvider provider) throws StartException {
        String type = provider.type();
        HandlerProvider other = providers.putIfAbsent(type, provider);
        if (other != null) {
            throw new StartException("the plug-in in " + folder + " has two providers of type " + type + ": "
                    + other.getClass().getName() + " and " + provider.getClass().getName());
        }
    }

    private static URL[] jars(Path folder) throws StartException {
        try (Stream<Path> files = Files.walk(folder, DEPTH, FileVisitOption.FOLLOW_LINKS)) {
            List<Path> jars = files.filter(Plugin::isJar).sorted().toList();
            var urls = new URL[jars.size()];
            for (int i = 0; i < urls.length; i++) {
                urls[i] = url(jars.get(i));
            }
            return urls;
        } catch (IOException e) {
            throw new StartException("the plug-in in " + folder + " cannot be read: " + FileProblem.of(e), e);
        }
    }

    static boolean isJar(Path file) {
        return file.toString().endsWith(".jar") && Files.isRegularFile(file);
    }

    private static URL url(Path jar) throws MalformedURLException {
        return jar.toUri().toURL();
    }

    /**
     * Explains why a class of a plug-in cannot be used, in one line.
     *
     * @param error what the JVM or the plug-in threw
     */
    static String reason(Throwable error) {
        Throwable cause = cause(error);
        if (cause instanceof UnsupportedClassVersionError) {
            return "it was built for a later Java than " + Runtime.version().feature() + ": " + cause.getMessage();
        }
        if (cause instanceof NoClassDefFoundError) {
            String missing = String.valueOf(cause.getMessage()).replace('/', '.');
            return "its jars lack the class " + missing + "; put the library that has it beside them";
        }
        if (cause instanceof LinkageError) {
            return "it was built against another version of a library or of Sluice: " + cause;
        }
        return cause instanceof ServiceConfigurationError ? String.valueOf(cause.getMessage()) : cause.toString();
    }

    /** Returns the first error of the JVM among the causes; the last cause if there is none. */
    private static Throwable cause(Throwable error) {
        Throwable cause = error;
        while (cause.getCause() != null && (isInitializer(cause) || !(cause instanceof LinkageError))) {
            cause = cause.getCause();
        }
        return cause;
    }

    /** Returns whether an error only says that the initialization of a class has failed. */
    private static boolean isInitializer(Throwable error) {
        return error instanceof ExceptionInInitializerError;
    }

    Path folder() {
        return folder;
    }

    Map<String, HandlerProvider> providers() {
        return providers;
    }

    PluginLoader loader() {
        return loader;
    }

    /** Closes the jars. The providers are forgotten, so that nothing here keeps the classes. */
    @Override
    public void close() throws StartException {
        providers.clear();
        try {
            loader.close();
        } catch (IOException e) {
            throw new StartException("the plug-in in " + folder + " cannot be closed: " + FileProblem.of(e), e);
        }
    }
}
