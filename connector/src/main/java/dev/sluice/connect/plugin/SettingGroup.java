package dev.sluice.connect.plugin;

import java.util.List;
import java.util.function.Consumer;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Recommender;
import org.apache.kafka.common.config.ConfigDef.Validator;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.jspecify.annotations.Nullable;

/** A heading of the reference page: defines settings under it, in the order of the calls. */
public final class SettingGroup {
    private final ConfigDef definition;
    private final String name;
    private int order;

    public SettingGroup(ConfigDef definition, String name) {
        this.definition = definition;
        this.name = name;
    }

    /** Defines a setting by itself. */
    public SettingGroup define(
            String key,
            ConfigDef.Type type,
            @Nullable Object defaultValue,
            @Nullable Validator validator,
            Importance importance,
            Width width,
            String displayName,
            String documentation) {
        definition.define(
                key, type, defaultValue, validator, importance, documentation, name, ++order, width, displayName);
        return this;
    }

    /** Defines a setting for which values are recommended, or that is of use only when others are set. */
    public SettingGroup define(
            String key,
            ConfigDef.Type type,
            @Nullable Object defaultValue,
            @Nullable Validator validator,
            Importance importance,
            Width width,
            String displayName,
            String documentation,
            List<String> dependents,
            Recommender recommender) {
        definition.define(
                key,
                type,
                defaultValue,
                validator,
                importance,
                documentation,
                name,
                ++order,
                width,
                displayName,
                dependents,
                recommender);
        return this;
    }

    /** Accepts a text that {@code check} does not throw on; null is left to whether the setting has a default. */
    public static Validator checked(String description, Consumer<String> check) {
        return new Validator() {
            @Override
            public void ensureValid(String setting, @Nullable Object value) {
                if (value == null) {
                    return;
                }
                try {
                    check.accept((String) value);
                } catch (IllegalArgumentException e) {
                    throw new ConfigException(setting, value, e.getMessage());
                }
            }

            @Override
            public String toString() {
                return description;
            }
        };
    }
}
