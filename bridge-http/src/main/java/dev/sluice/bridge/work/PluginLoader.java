package dev.sluice.bridge.work;

import java.net.URL;
import java.net.URLClassLoader;
import java.util.regex.Pattern;

/**
 * The classes of a plug-in: those of its jars, of the JDK, and of the API. It sees no other class of the bridge, and no
 * library of it, so a plug-in may bring any version of any library.
 */
final class PluginLoader extends URLClassLoader {
    static {
        registerAsParallelCapable();
    }

    /** What a handler shares with the bridge: the values of works and of the queue, and the log. */
    private static final Pattern SHARED = Pattern.compile(
            "dev\\.sluice\\.(?:work|queue)\\.[A-Z].*|org\\.slf4j\\..*|org\\.jspecify\\.annotations\\..*");

    PluginLoader(String name, URL[] jars) {
        super(name, jars, new Api());
    }

    /** Returns a class of the jars; not one of the JDK or the API. */
    Class<?> ofJars(String name) throws ClassNotFoundException {
        Class<?> found = Class.forName(name, false, this);
        if (found.getClassLoader() != this) {
            throw new ClassNotFoundException(name);
        }
        return found;
    }

    /** The part of the bridge that plug-ins see. Everything else comes from the JDK. */
    private static final class Api extends ClassLoader {
        static {
            registerAsParallelCapable();
        }

        Api() {
            super("sluice-plugin-api", ClassLoader.getPlatformClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            return SHARED.matcher(name).matches()
                    ? PluginLoader.class.getClassLoader().loadClass(name)
                    : super.loadClass(name, resolve);
        }
    }
}
