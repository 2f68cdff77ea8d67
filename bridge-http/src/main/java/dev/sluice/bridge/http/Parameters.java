package dev.sluice.bridge.http;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.TimeText;
import java.time.Instant;
import java.util.OptionalLong;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Reads names, ids and times in the path and the query of a request.
 *
 * <p>If a parameter is not valid, a method throws {@link InvalidRequestException} (400) that names the parameter.
 */
public final class Parameters {
    private static final String QUEUE = "queue";

    private Parameters() {}

    /** Returns the name if it is valid for a queue, partition, group or message. */
    public static String name(String what, String name) {
        try {
            NewMessage.checkName(what, name);
            return name;
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /** Returns the name if a queue can have it. The empty name is the name of a queue. */
    public static String queueName(String what, String name) {
        return name.isEmpty() ? name : name(what, name);
    }

    /**
     * Returns the name of a queue in the query, or null if it is absent. {@code queue=} names the queue with the empty
     * name.
     */
    public static @Nullable String queueInQuery(Request request) {
        String name = request.query().text(QUEUE);
        return name == null ? null : queueName(QUEUE, name);
    }

    /** Returns a name in the path. */
    public static String nameInPath(Request request, String parameter) {
        return name(parameter, request.pathParameter(parameter));
    }

    /** Returns a name in the query, or null if it is absent or empty. */
    public static @Nullable String nameInQuery(Request request, String parameter) {
        String name = textInQuery(request, parameter);
        return name == null ? null : name(parameter, name);
    }

    /** Returns a text in the query, or null if it is absent or empty. */
    public static @Nullable String textInQuery(Request request, String parameter) {
        String text = request.query().text(parameter);
        if (text != null && text.indexOf('\0') >= 0) {
            throw badRequest(parameter + " must not contain U+0000");
        }
        return text == null || text.isEmpty() ? null : text;
    }

    /** Reads a {@linkplain TimeText time}. */
    public static Instant time(String what, String text) {
        try {
            return TimeText.parse(what, text);
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /** Returns a {@linkplain TimeText time} in the query, or null if it is absent or empty. */
    public static @Nullable Instant timeInQuery(Request request, String parameter) {
        String text = textInQuery(request, parameter);
        return text == null ? null : time(parameter, text);
    }

    /** Returns a number in the query, clamped to the range; {@code byDefault} if it is absent. */
    public static int numberInQuery(Request request, String parameter, int byDefault, int least, int most) {
        int number = request.query().number(parameter, byDefault);
        return Math.min(Math.max(number, least), most);
    }

    /**
     * Returns a flag in the query: {@code true} or {@code 1} is true, anything else false; {@code byDefault} if it is
     * absent.
     */
    public static boolean flagInQuery(Request request, String parameter, boolean byDefault) {
        return textInQuery(request, parameter) == null
                ? byDefault
                : request.query().flag(parameter);
    }

    /** Returns the id of the partition whose UUID is in the path; empty if the UUID is not one of a partition. */
    public static OptionalLong partitionInPath(Request request) {
        UUID uuid = JsonBody.uuid(request.pathParameter("partitionId"));
        if (uuid == null) {
            throw badRequest("partitionId must be a UUID");
        }
        return PartitionIds.fromUuid(uuid);
    }
}
