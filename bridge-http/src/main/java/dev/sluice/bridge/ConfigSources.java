package dev.sluice.bridge;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigTransformer;
import org.apache.kafka.common.config.provider.ConfigProvider;
import org.apache.kafka.common.config.provider.EnvVarConfigProvider;
import org.apache.kafka.common.config.provider.FileConfigProvider;
import org.jspecify.annotations.Nullable;

/**
 * Where settings come from: a file in the format of {@link Properties}, in UTF-8, and the environment, which wins. A key is
 * found in the environment in capitals, with {@code SLUICE_} in front and {@code _} for each dot. Values may refer to other
 * places: {@code ${env:NAME}} and {@code ${file:/path/to/a.properties:key}}.
 */
final class ConfigSources {
    private static final String ENVIRONMENT_PREFIX = "SLUICE_";

    /** For the launcher script and for logback.xml, not for us. */
    private static final Set<String> OTHER_VARIABLES = Set.of("SLUICE_JAVA_OPTS", "SLUICE_LOG_LEVEL");

    private ConfigSources() {}

    /**
     * Reads the sources.
     *
     * @param file the file, or null for none
     * @param environment variables of the process
     * @return key to value, references resolved; keys need not be known ones
     * @throws ConfigException if the file cannot be read or a reference cannot be resolved
     */
    static Map<String, String> read(@Nullable Path file, Map<String, String> environment) throws ConfigException {
        var values = new TreeMap<String, String>();
        if (file != null) {
            values.putAll(readFile(file));
        }
        environment.forEach((variable, value) -> {
            if (variable.startsWith(ENVIRONMENT_PREFIX) && !OTHER_VARIABLES.contains(variable)) {
                values.put(keyOf(variable), value);
            }
        });
        return resolve(values, environment);
    }

    /** Returns the variable for a key: {@code SLUICE_BUFFER_DIR} for {@code buffer.dir}. */
    static String variableOf(String key) {
        return ENVIRONMENT_PREFIX + key.toUpperCase(Locale.ROOT).replace('.', '_');
    }

    private static String keyOf(String variable) {
        return variable.substring(ENVIRONMENT_PREFIX.length())
                .toLowerCase(Locale.ROOT)
                .replace('_', '.');
    }

    private static Map<String, String> readFile(Path file) throws ConfigException {
        var properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        } catch (NoSuchFileException e) {
            throw new ConfigException(List.of("configuration file " + file + " does not exist"));
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigException(List.of("configuration file " + file + " cannot be read: " + e));
        }
        var values = new TreeMap<String, String>();
        for (String key : properties.stringPropertyNames()) {
            values.put(key, properties.getProperty(key).strip());
        }
        return values;
    }

    private static Map<String, String> resolve(Map<String, String> values, Map<String, String> environment)
            throws ConfigException {
        var problems = new ArrayList<String>();
        var resolved = new TreeMap<String, String>();
        try (var file = new FileConfigProvider();
                var env = new EnvVarConfigProvider(environment)) {
            file.configure(Map.of());
            env.configure(Map.of());
            Map<String, ConfigProvider> providers = Map.of("file", file, "env", env);
            var transformer = new ConfigTransformer(providers);
            for (Map.Entry<String, String> entry : values.entrySet()) {
                resolveOne(transformer, entry.getKey(), entry.getValue(), resolved, problems);
            }
        } catch (IOException e) {
            throw new ConfigException(List.of("configuration providers cannot be closed: " + e.getMessage()));
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(problems);
        }
        return resolved;
    }

    private static void resolveOne(
            ConfigTransformer transformer,
            String key,
            String value,
            Map<String, String> resolved,
            List<String> problems) {
        try {
            String result = transformer.transform(Map.of(key, value)).data().get(key);
            if (value.contains("${") && value.equals(result)) {
                problems.add(key + ": " + value + " does not refer to anything; use ${env:NAME} or ${file:PATH:KEY}");
            } else {
                resolved.put(key, result);
            }
        } catch (RuntimeException e) {
            problems.add(key + ": " + value + " cannot be resolved: " + e.getMessage());
        }
    }
}
