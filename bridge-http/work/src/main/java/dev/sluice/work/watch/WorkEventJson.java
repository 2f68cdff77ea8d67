package dev.sluice.work.watch;

import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkId;
import dev.sluice.work.rules.JsonText;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Writes events as JSON texts: the shape in which other programs get them.
 *
 * <pre>{@code
 * {"event":"failed","type":"welcome-mail","id":"0192…","attempt":2,"detail":"java.io.IOException: refused"}
 * }</pre>
 *
 * <p>{@code event} is the name of the kind in lower case, with hyphens. {@code id} is null if the event is of a type.
 */
public final class WorkEventJson {
    private WorkEventJson() {}

    /** Returns an event as the text of a JSON object. */
    public static String of(WorkEvent event) {
        WorkId id = event.id();
        return "{\"event\":" + JsonText.quoted(name(event.kind()))
                + ",\"type\":" + JsonText.quoted(event.type())
                + ",\"id\":" + quoted(id == null ? null : id.toString())
                + ",\"attempt\":" + event.attempt()
                + ",\"detail\":" + quoted(event.detail())
                + "}";
    }

    /**
     * Returns what says that events were dropped before the ones that follow: {@code {"event":"dropped","events":17}}.
     */
    public static String dropped(long events) {
        return "{\"event\":\"dropped\",\"events\":" + events + "}";
    }

    /** Returns the name of a kind, as {@code event} has it: {@code dead-lettered}. */
    public static String name(WorkEvent.Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static String quoted(@Nullable String text) {
        return text == null ? "null" : JsonText.quoted(text);
    }
}
