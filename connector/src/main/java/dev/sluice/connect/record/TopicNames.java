package dev.sluice.connect.record;

import java.util.Set;
import java.util.regex.Pattern;

/** Checks the names of topics that messages are written to. All methods are pure. */
public final class TopicNames {
    /** Longest name of a topic. */
    public static final int MAX_LENGTH = 249;

    private static final Pattern ILLEGAL = Pattern.compile("[^a-zA-Z0-9._-]");

    /** Kafka's own topics, which accept no records of clients. */
    private static final Set<String> INTERNAL =
            Set.of("__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata");

    private TopicNames() {}

    /** Returns true if a topic may have the name and clients may write to it. */
    public static boolean isPossible(String name) {
        return !name.isEmpty()
                && name.length() <= MAX_LENGTH
                && !name.equals(".")
                && !name.equals("..")
                && !INTERNAL.contains(name)
                && !ILLEGAL.matcher(name).find();
    }

    /** Returns a text with an underscore for every character that no topic name may have. */
    public static String sanitized(String text) {
        return ILLEGAL.matcher(text).replaceAll("_");
    }

    /** Returns the form of a name that Kafka compares: two names that differ only in dots and underscores collide. */
    public static String collisionKey(String name) {
        return name.replace('.', '_');
    }
}
