package dev.sluice.work;

import dev.sluice.queue.NewMessage;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Who is told how a work has ended. Each is the name of a queue, which gets a message, or an {@code http} or
 * {@code https} URL, for which a work of type {@value #WEBHOOK} is enqueued. What is told is written in the transaction
 * that stores how the work ended, so it exists if and only if the work has ended so.
 *
 * @param replyTo is told that the work is done, with its result; null: nobody
 * @param failTo is told that the work has failed for good: it became a dead letter, was cancelled, or its deadline has
 *     passed; null: nobody
 */
public record Callbacks(@Nullable String replyTo, @Nullable String failTo) {
    /** Nobody is told. */
    public static final Callbacks NONE = new Callbacks(null, null);

    /** The type of the works that call URLs. Its works have the URL in the metadata {@value #URL}. */
    public static final String WEBHOOK = "webhook";

    /** The name of the metadata with the URL that a work of type {@value #WEBHOOK} calls. */
    public static final String URL = "url";

    /** Longest URL. */
    public static final int MAX_URL_LENGTH = 2_048;

    /**
     * Checks the targets.
     *
     * @throws IllegalArgumentException if one is neither the name of a queue nor a URL
     */
    public Callbacks {
        check("replyTo", replyTo);
        check("failTo", failTo);
    }

    private static void check(String name, @Nullable String target) {
        if (target == null) {
            return;
        }
        if (!target.contains("://")) {
            NewMessage.checkName(name, target);
        } else if (!isUrl(target) || target.length() > MAX_URL_LENGTH || !hasHost(target)) {
            throw new IllegalArgumentException(
                    name + " must be the name of a queue, or an http or https URL of at most " + MAX_URL_LENGTH
                            + " characters, was " + target);
        }
    }

    private static boolean hasHost(String url) {
        try {
            return new URI(url).getHost() != null;
        } catch (URISyntaxException e) {
            return false;
        }
    }

    /** Returns whether a target is a URL; else it is the name of a queue. */
    public static boolean isUrl(String target) {
        String text = target.toLowerCase(Locale.ROOT);
        return text.startsWith("https://") || text.startsWith("http://");
    }
}
