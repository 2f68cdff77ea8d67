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
 * Where settings come from: a {@link PropertiesFile} and the environment, which wins. A key is found in the environment
 * in capitals, with {@code SLUICE_} in front and {@code _} for each dot. An empty variable counts as not set. Values
 * may refer to other places, see {@link References}.
 */
public final class ConfigSources {
    private static final String ENVIRONMENT_PREFIX = "SLUICE_";

    /** For the launcher script and for logback.xml, not for us. */
    private static final Set<String> OTHER_VARIABLES = Set.of("SLUICE_JAVA_OPTS", "SLUICE_LOG_LEVEL");

    private ConfigSources() {}

    /**
     * What the sources hold.
     *
     * @param values key to value, references resolved; keys need not be known ones
     * @param problems key to what is wrong with the value, a line that begins with the key; such keys have no value
     */
    public record Found(Map<String, String> values, Map<String, String> problems) {
        /** Returns the same with another value of a key, which has no problem then. */
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
