package dev.sluice.work.callback;

import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import dev.sluice.work.rules.JsonText;
import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/**
 * How a work has ended, as its callback is told.
 *
 * @param attempts how many attempts the work has had
 * @param result JSON text; null: the work has none, or has failed
 * @param reason why it has failed; null: it has not, or was cancelled
 */
public record CallbackMessage(
        WorkId id,
        Work work,
        Ending ending,
        int attempts,
        @Nullable String result,
        @Nullable String reason) {
    /** How a work has ended. */
    public enum Ending {
        COMPLETED("completed"),
        CANCELLED("cancelled"),
        DEAD_LETTERED("dead_lettered");

        private final String text;

        Ending(String text) {
            this.text = text;
        }
    }

    /** Returns who is told; null: nobody. */
    public @Nullable String target() {
        return ending == Ending.COMPLETED
                ? work.callbacks().replyTo()
                : work.callbacks().failTo();
    }

    /** Returns the message as JSON text. */
    public String json() {
        var members = new LinkedHashMap<String, String>();
        members.put("id", JsonText.quoted(id.toString()));
        members.put("type", JsonText.quoted(work.type()));
        members.put("outcome", JsonText.quoted(ending.text));
        members.put("attempts", Integer.toString(attempts));
        if (ending == Ending.COMPLETED) {
            members.put("result", result == null ? "null" : result);
        } else {
            members.put("reason", quoted(reason));
        }
        members.put("key", quoted(work.key()));
        members.put("idempotencyKey", quoted(work.idempotencyKey()));
        members.put("metadata", JsonText.object(work.metadata()));
        var json = new StringBuilder();
        members.forEach((name, value) -> json.append(json.isEmpty() ? '{' : ',')
                .append(JsonText.quoted(name))
                .append(':')
                .append(value));
        return json.append('}').toString();
    }

    private static String quoted(@Nullable String text) {
        return text == null ? "null" : JsonText.quoted(text);
    }
}
