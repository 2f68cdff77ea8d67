package dev.sluice.connect.record;

import java.util.Set;
import java.util.regex.Pattern;

/** Checks names of topics to which messages are written. Pure; any thread may call. */
public final class TopicNames {
    /** Longest name of a topic. */
    public static final int MAX_LENGTH = 249;

    public static final Pattern ILLEGAL = Pattern.compile("[^a-zA-Z0-9._-]");

    /** Topics of Kafka's own, which take no records of others. */
    private static final Set<String> INTERNAL =
            Set.of("__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata");

    private TopicNames() {}

    /** Says whether a topic may have the name, and be written to. */
    public static boolean isPossible(String name) {
        return !name.isEmpty()
                && name.length() <= MAX_LENGTH
                && !name.equals(".")
                && !name.equals("..")
                && !INTERNAL.contains(name)
                && !ILLEGAL.matcher(name).find();
    }

    /** Returns what Kafka compares topics by: it takes two whose names differ in dots and underscores alone for one. */
    public static String compared(String name) {
        return name.replace('.', '_');
    }
}
