package dev.sluice.bridge.config;

import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.system.NativeLocale;
import dev.sluice.bridge.system.ServiceLinks;
import java.nio.file.Path;
import java.util.List;
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
     * @param aliases keys that a variable of another service has set, with the name of the variable
     */
    public record Found(Map<String, String> values, Map<String, String> problems, Map<String, String> aliases) {
        /** Makes contents without a variable of another service. */
        public Found(Map<String, String> values, Map<String, String> problems) {
            this(values, problems, Map.of());
        }

        /** Returns the same contents with another value of a key. A problem of the key is dropped. */
        public Found with(String key, String value) {
            var changed = new TreeMap<>(values);
            changed.put(key, value);
            var others = new TreeMap<>(problems);
            others.remove(key);
            return new Found(changed, others, aliases);
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
        return new Reading(environment, values).found();
    }

    /** One reading of the sources. */
    private static final class Reading {
        private final Map<String, String> environment;
        private final Map<String, String> values;
        private final NativeLocale locale;
        private final References references;
        private final Map<String, String> problems = new TreeMap<>();
        private final Map<String, String> aliases = new TreeMap<>();

        Reading(Map<String, String> environment, Map<String, String> values) {
            this.environment = environment;
            this.values = values;
            this.locale = NativeLocale.of(environment);
            this.references = new References(environment, locale);
        }

        Found found() {
            environment.forEach((variable, value) -> {
                if (isSetting(variable, value) && !variable.startsWith(HandlerVariables.PREFIX)) {
                    set(keyOf(variable), variable, value);
                }
            });
            List<String> handlers = handlers();
            environment.forEach((variable, value) -> {
                if (isSetting(variable, value) && variable.startsWith(HandlerVariables.PREFIX)) {
                    set(HandlerVariables.keyOf(variable, handlers), variable, value);
                }
            });
            if (Aliases.WORK_BUFFER.equals(values.get(WorkSettings.COMPAT.name()))) {
                Aliases.ALL.forEach(this::set);
            }
            var resolved = new TreeMap<String, String>();
            values.forEach((key, value) -> {
                try {
                    if (!problems.containsKey(key)) {
                        resolved.put(key, references.resolve(value));
                    }
                } catch (ConfigException e) {
                    problems.put(key, key + " " + e.getMessage());
                }
            });
            return new Found(resolved, problems, aliases);
        }

        private void set(String key, String variable, String value) {
            values.put(key, value);
            String problem = locale.problemOf(value);
            if (problem != null) {
                problems.put(key, key + ": the variable " + variable + " " + problem);
            }
        }

        /** Sets a key by a variable of another service, unless the key is set. */
        private void set(Aliases.Alias alias) {
            String value = environment.getOrDefault(alias.variable(), "");
            if (!value.isBlank() && values.getOrDefault(alias.key(), "").isBlank()) {
                set(alias.key(), alias.variable(), alias.value().apply(value));
                aliases.put(alias.key(), alias.variable());
            }
        }

        private List<String> handlers() {
            try {
                String names = references.resolve(values.getOrDefault(WorkSettings.HANDLERS.name(), ""));
                return WorkSettings.HANDLERS.parse(names);
            } catch (ConfigException e) {
                return List.of(); // Reported below.
            }
        }
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
