package dev.sluice.bridge.work.builtin;

import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Outcome;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Writes each work into the log of the service.
 *
 * @param level the level of the line
 * @param maxCharacters how much of a payload it shows
 */
public record LogBuiltin(Level level, int maxCharacters) implements Builtin {
    private static final Logger log = LoggerFactory.getLogger(LogBuiltin.class);
    private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}");

    @Override
    public Hooks make(BuiltinParts parts, HandlerSettings settings, boolean isBatch) {
        return (Handler) (work, context) -> {
            log.atLevel(level)
                    .log(
                            "A work was logged type={} id={} key={} attempt={} payload={}",
                            work.type(),
                            context.id(),
                            work.key() == null ? "" : line(work.key()),
                            context.attempt(),
                            line(work.payloadText()));
            return Outcome.done();
        };
    }

    /** Returns the beginning of a text, in one line. */
    private String line(String text) {
        String cut = text.length() <= maxCharacters ? text : text.substring(0, maxCharacters) + "…";
        return CONTROL.matcher(cut).replaceAll(" ");
    }
}
