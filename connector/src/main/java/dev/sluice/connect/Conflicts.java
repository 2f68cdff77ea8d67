package dev.sluice.connect;

import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;

/** Adds to the result of a validation what the check of each property by itself cannot find. */
final class Conflicts {
    private Conflicts() {}

    /**
     * Adds unknown properties, then conflicts if each property by itself is valid, and then problems with the
     * connection if there is no other error. Each map has the reason by the name of the property to change.
     */
    static Config addTo(
            Config config,
            Map<String, String> unknown,
            Supplier<Map<String, String>> conflicts,
            Supplier<Map<String, String>> connectionProblems) {
        boolean isValid = isValid(config);
        add(config, unknown);
        if (isValid) {
            add(config, conflicts.get());
        }
        if (isValid(config)) {
            add(config, connectionProblems.get());
        }
        return config;
    }

    /**
     * Refuses to start a connector with problems, each with the reason by the name of the property to change.
     *
     * @throws ConfigException if there is one; its message has all reasons
     */
    static void refuse(Map<String, String> problems) {
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("; ", problems.values()));
        }
    }

    private static boolean isValid(Config config) {
        return config.configValues().stream()
                .allMatch(value -> value.errorMessages().isEmpty());
    }

    private static void add(Config config, Map<String, String> problems) {
        problems.forEach((name, message) -> config.configValues().stream()
                .filter(value -> value.name().equals(name))
                .findFirst()
                .orElseGet(() -> added(config, name))
                .addErrorMessage(message));
    }

    private static ConfigValue added(Config config, String name) {
        var value = new ConfigValue(name);
        config.configValues().add(value);
        return value;
    }
}
