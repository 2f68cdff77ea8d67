package dev.sluice.connect.plugin;

import java.util.Map;

/** Settings of a connector that Connect itself defines and that this plug-in reads. */
public final class ConnectSettings {
    public static final String NAME = "name";
    public static final String CONNECTOR_CLASS = "connector.class";

    /** The topics that a sink reads. */
    public static final String TOPICS = "topics";

    /** A regular expression for the topics that a sink reads. */
    public static final String TOPICS_REGEX = "topics.regex";

    private static final String TRANSFORMS = "transforms";

    /** Whether the worker logs the records that fail. */
    public static final String ERRORS_LOG_ENABLE = "errors.log.enable";

    public static final String ERRORS_TOLERANCE = "errors.tolerance";

    /** The topic for the records of a sink that cannot be written. */
    public static final String DEAD_LETTER_TOPIC = "errors.deadletterqueue.topic.name";

    private ConnectSettings() {}

    /** Returns true if transforms change records, and possibly their topics. */
    public static boolean hasTransforms(Map<String, String> properties) {
        return !properties.getOrDefault(TRANSFORMS, "").isBlank();
    }

    /** Returns true if the worker goes on after a record that fails. */
    public static boolean toleratesErrors(Map<String, String> properties) {
        return properties.getOrDefault(ERRORS_TOLERANCE, "none").strip().equalsIgnoreCase("all");
    }
}
