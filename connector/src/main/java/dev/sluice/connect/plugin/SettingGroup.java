package dev.sluice.connect.plugin;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Recommender;
import org.apache.kafka.common.config.ConfigDef.Validator;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.jspecify.annotations.Nullable;

/** One heading of the reference page. It defines settings under it, in the order of the calls. */
public final class SettingGroup {
    private final ConfigDef definition;
    private final String name;
    private int order;

    /** Adds a heading to a definition. */
    public SettingGroup(ConfigDef definition, String name) {
        this.definition = definition;
        this.name = name;
    }

    /**
     * Describes a setting. A call of one of its methods {@code of…} then defines it.
     *
     * @param documentation one or more sentences
     */
    public Setting setting(String key, String displayName, String documentation) {
        return new Setting(key, displayName, documentation);
    }

    /**
     * Accepts a text that {@code check} does not throw on. It accepts null: the default decides about a missing one.
     */
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

    /** A setting that is described and not defined yet. */
    public final class Setting {
        private final String key;
        private final String displayName;
        private final String documentation;
        private List<String> dependents = List.of();
        private @Nullable Recommender recommender;

        private Setting(String key, String displayName, String documentation) {
            this.key = key;
            this.displayName = displayName;
            this.documentation = documentation;
        }

        /** Recommends values; others are valid too. */
        public Setting recommending(String... values) {
            return recommender(new Recommended(List.of(values)));
        }

        Setting recommender(Recommender newRecommender) {
            recommender = newRecommender;
            return this;
        }

        /** Names the settings that this one makes useful. */
        Setting dependents(List<String> settings) {
            dependents = settings;
            return this;
        }

        /** Defines a whole number of 64 bits. */
        public void ofLong(long defaultValue, Validator range, Importance importance) {
            of(ConfigDef.Type.LONG, defaultValue, range, importance, Width.SHORT);
        }

        /** Defines a whole number of 32 bits. */
        public void ofInt(int defaultValue, Validator range, Importance importance) {
            of(ConfigDef.Type.INT, defaultValue, range, importance, Width.SHORT);
        }

        /** Defines a setting that is true or false. */
        public void ofBoolean(boolean defaultValue, Importance importance) {
            of(ConfigDef.Type.BOOLEAN, defaultValue, null, importance, Width.SHORT);
        }

        /** Defines a text. */
        public void ofText(
                @Nullable String defaultValue, @Nullable Validator validator, Importance importance, Width width) {
            of(ConfigDef.Type.STRING, defaultValue, validator, importance, width);
        }

        /** Defines a setting of any type. */
        public void of(
                ConfigDef.Type type,
                @Nullable Object defaultValue,
                @Nullable Validator validator,
                Importance importance,
                Width width) {
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
        }
    }

    /** Recommends the same values whatever the other settings are. */
    private record Recommended(List<String> values) implements Recommender {
        @Override
        public List<Object> validValues(String setting, Map<String, Object> parsed) {
            return List.copyOf(values);
        }

        @Override
        public boolean visible(String setting, Map<String, Object> parsed) {
            return true;
        }
    }
}
