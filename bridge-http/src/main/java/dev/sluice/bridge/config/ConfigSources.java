package dev.sluice.bridge.config;

import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.system.NativeLocale;
import dev.sluice.bridge.system.ServiceLinks;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Reads settings from a {@link PropertiesFile} and from the environment, which wins. The variable of a key is the key
 * in capitals, with {@code SLUICE_} before it and {@code _} for each dot. An empty variable counts as not set. A value
 * may refer to another place, see {@link References}.
 */
public final class ConfigSources {
    private static final String ENVIRONMENT_PREFIX = "SLUICE_";

    /** Variables that the launcher script and logback.xml read. They are no settings. */
    private static final Set<String> OTHER_VARIABLES = Set.of("SLUICE_JAVA_OPTS", "SLUICE_LOG_LEVEL");

    private ConfigSources() {}

    /**
     * The contents of the sources.
     *
     * @param values key to value, with references resolved; a key may be unknown
     * @param problems key to a line that begins with the key and says what is wrong with its value. A key with a
     *     problem has no value
     */
    public record Found(Map<String, String> values, Map<String, String> problems) {
        /** Returns the same contents with another value of a key. A problem of the key is dropped. */
        public Found with(String key, String value) {
            var changed = new TreeMap<>(values);
            changed.put(key, value);
            var others = new TreeMap<>(problems);
            others.remove(key);
            return new Found(changed, others);
        }
    }

    /**
     * Reads the sources.
     *
     * @param file the file, or null for none
     * @param environment variables of the process
     * @throws ConfigException if the file cannot be read
     */
    public static Found find(@Nullable Path file, Map<String, String> environment) throws ConfigException {
        var values = new TreeMap<String, String>();
        if (file != null) {
            PropertiesFile.read("configuration file", file).forEach((key, value) -> values.put(key, value.strip()));
        }
        NativeLocale locale = NativeLocale.of(environment);
        var problems = new TreeMap<String, String>();
        environment.forEach((variable, value) -> {
            if (isSetting(variable, value)) {
                String key = keyOf(variable);
                values.put(key, value);
                String problem = locale.problemOf(value);
                if (problem != null) {
                    problems.put(key, key + ": the variable " + variable + " " + problem);
                }
            }
        });
        var resolved = new TreeMap<String, String>();
        var references = new References(environment, locale);
        values.forEach((key, value) -> {
            try {
                if (!problems.containsKey(key)) {
                    resolved.put(key, references.resolve(value));
                }
            } catch (ConfigException e) {
                problems.put(key, key + " " + e.getMessage());
            }
        });
        return new Found(resolved, problems);
    }

    private static boolean isSetting(String variable, String value) {
        return variable.startsWith(ENVIRONMENT_PREFIX)
                && !value.isBlank()
                && !OTHER_VARIABLES.contains(variable)
                && !ServiceLinks.include(variable.substring(ENVIRONMENT_PREFIX.length()), value);
    }

    private static String keyOf(String variable) {
        return variable.substring(ENVIRONMENT_PREFIX.length())
                .toLowerCase(Locale.ROOT)
                .replace('_', '.');
    }
}
