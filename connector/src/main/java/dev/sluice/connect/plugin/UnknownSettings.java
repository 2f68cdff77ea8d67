package dev.sluice.connect.plugin;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Width;

/**
 * Finds the settings of a configuration that neither the connector nor Connect reads. Such a setting is most often a
 * misspelt one, and the connector would work with a default value that nobody has chosen.
 *
 * <p>No message shows the value of a setting: it may be a secret under a misspelt name.
 */
public final class UnknownSettings {
    /** Says what happens to unknown settings. */
    static final String UNKNOWN_SETTINGS = "unknown.settings";

    private static final String REFUSE = "refuse";
    private static final String IGNORE = "ignore";

    /** The settings of every connector that Connect defines, besides those that {@link #OF_CONNECT} accepts. */
    private static final Set<String> CONNECT = Set.of(
            ConnectSettings.NAME,
            ConnectSettings.CONNECTOR_CLASS,
            "connector.plugin.version",
            "tasks.max",
            "tasks.max.enforce",
            Converters.KEY,
            Converters.VALUE,
            Converters.HEADER,
            "transforms",
            "predicates",
            "config.action.reload",
            ConnectSettings.TOPICS,
            ConnectSettings.TOPICS_REGEX,
            ConnectSettings.ERRORS_TOLERANCE,
            ConnectSettings.ERRORS_LOG_ENABLE,
            ConnectSettings.DEAD_LETTER_TOPIC,
            "errors.deadletterqueue.topic.replication.factor",
            "errors.deadletterqueue.context.headers.enable",
            "errors.log.include.messages",
            "errors.retry.timeout",
            "errors.retry.delay.max.ms",
            "exactly.once.support",
            "transaction.boundary",
            "transaction.boundary.interval.ms",
            "offsets.storage.topic",
            "topic.creation.groups");

    /** Settings of the parts of Connect that a configuration names, and those that Connect adds for a task. */
    private static final Pattern OF_CONNECT = Pattern.compile("(transforms|predicates|(key|value|header)\\.converter"
            + "|topic\\.creation|(consumer|producer|admin)\\.override)\\..+|task\\.(class|index|count)");

    /** Two settings are similar if they differ in at most this share of the characters. */
    private static final int SIMILAR_SHARE = 3;

    private UnknownSettings() {}

    /** Defines the setting that says what happens to unknown settings. */
    static void define(SettingGroup group) {
        group.setting(
                        UNKNOWN_SETTINGS,
                        "Unknown settings",
                        "refuse: a setting that neither the connector nor Connect knows is an error. ignore: the"
                                + " connector ignores it, for example because a newer version of Connect reads it.")
                .recommending(REFUSE, IGNORE)
                .ofText(REFUSE, ConfigDef.ValidString.in(REFUSE, IGNORE), Importance.LOW, Width.SHORT);
    }

    /**
     * Returns the unknown settings, each with the reason.
     *
     * @param definition the settings of the connector
     * @param properties of the connector, with those of Connect
     */
    public static Map<String, String> problems(ConfigDef definition, Map<String, String> properties) {
        var problems = new LinkedHashMap<String, String>();
        if (properties.getOrDefault(UNKNOWN_SETTINGS, REFUSE).strip().equals(IGNORE)) {
            return problems;
        }
        for (String key : new TreeSet<>(properties.keySet())) {
            if (!definition.names().contains(key)
                    && !CONNECT.contains(key)
                    && !OF_CONNECT.matcher(key).matches()) {
                problems.put(key, problem(key, definition.names()));
            }
        }
        return problems;
    }

    private static String problem(String key, Collection<String> ours) {
        var known = new TreeSet<>(ours);
        known.addAll(CONNECT);
        String wanted = normal(key);
        String nearest = "";
        int least = 1 + wanted.length() / SIMILAR_SHARE;
        for (String each : known) {
            int distance = distance(wanted, each);
            if (distance < least) {
                least = distance;
                nearest = each;
            }
        }
        return key + " is not a setting of this connector or of Connect"
                + (nearest.isEmpty() ? "." : "; did you mean " + nearest + "?") + " Remove it, or set "
                + UNKNOWN_SETTINGS + "=" + IGNORE;
    }

    /**
     * Returns a key in the usual form of settings: {@code batchSize} and {@code BATCH_SIZE} become {@code batch.size}.
     */
    private static String normal(String key) {
        String words = key.replaceAll("(?<=[a-z])(?=[A-Z])", ".");
        return words.toLowerCase(Locale.ROOT).replaceAll("[-_\\s]+", ".");
    }

    /**
     * Returns the number of characters to insert, delete, replace or swap with a neighbour to make one text from
     * another.
     */
    private static int distance(String from, String to) {
        int[][] cost = new int[from.length() + 1][to.length() + 1];
        for (int i = 0; i <= from.length(); i++) {
            for (int j = 0; j <= to.length(); j++) {
                if (i == 0 || j == 0) {
                    cost[i][j] = i + j;
                    continue;
                }
                int replaced = cost[i - 1][j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                cost[i][j] = Math.min(replaced, 1 + Math.min(cost[i - 1][j], cost[i][j - 1]));
                boolean isSwapped = i > 1
                        && j > 1
                        && from.charAt(i - 1) == to.charAt(j - 2)
                        && from.charAt(i - 2) == to.charAt(j - 1);
                if (isSwapped) {
                    cost[i][j] = Math.min(cost[i][j], cost[i - 2][j - 2] + 1);
                }
            }
        }
        return cost[from.length()][to.length()];
    }
}
