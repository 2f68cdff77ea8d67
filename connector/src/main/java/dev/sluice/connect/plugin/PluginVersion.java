package dev.sluice.connect.plugin;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/** The version of the plug-in. The build writes it into {@code version.properties}. */
public final class PluginVersion {
    /** The version, such as {@code 0.1.0}. */
    public static final String VERSION = read();

    private static final String RESOURCE = "/dev/sluice/connect/version.properties";

    private PluginVersion() {}

    private static String read() {
        try (InputStream in = PluginVersion.class.getResourceAsStream(RESOURCE)) {
            if (in == null) {
                throw new IllegalStateException("version.properties is missing from the plug-in");
            }
            var properties = new Properties();
            properties.load(in);
            return properties.getProperty("version");
        } catch (IOException e) {
            throw new UncheckedIOException("version.properties cannot be read", e);
        }
    }
}
