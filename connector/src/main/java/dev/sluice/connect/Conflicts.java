package dev.sluice.connect;

import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigValue;

/** Adds conflicts between properties to the result of a validation. */
final class Conflicts {
    private Conflicts() {}

    /**
     * Adds the conflicts if each property by itself is valid.
     *
     * @param conflicts the reason, by name of the property to change
     */
    static Config addTo(Config config, Supplier<Map<String, String>> conflicts) {
        boolean valid = config.configValues().stream()
                .allMatch(value -> value.errorMessages().isEmpty());
        if (valid) {
            conflicts
                    .get()
                    .forEach((name, message) -> config.configValues().stream()
                            .filter(value -> value.name().equals(name))
                            .findFirst()
                            .orElseGet(() -> added(config, name))
                            .addErrorMessage(message));
        }
        return config;
    }

    private static ConfigValue added(Config config, String name) {
        var value = new ConfigValue(name);
        config.configValues().add(value);
        return value;
    }
}
