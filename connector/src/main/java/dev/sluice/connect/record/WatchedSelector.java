package dev.sluice.connect.record;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A selector that counts the records that have nothing where it looks. A setting tells it to accept, log or reject
 * them.
 *
 * <p>The task's thread selects. Any thread may read the count.
 */
final class WatchedSelector implements Selector {
    private static final Logger log = LoggerFactory.getLogger(WatchedSelector.class);

    private static final int WARNING_FACTOR = 10;

    private final String setting;
    private final String from;
    private final Selector selector;
    private final Missing missing;
    private final boolean isChosen;
    private final AtomicLong count = new AtomicLong();
    private long nextWarning = 1;

    /** What to do about a record that has nothing where a selector looks. */
    enum Missing {
        /** The message gets the default of the setting. */
        DEFAULT,
        /** As {@link #DEFAULT}, with a warning at the first such record, the tenth, the hundredth and so on. */
        WARN,
        /** The record is an error. */
        FAIL;

        static final String SYNTAX = "default, warn or fail";

        /** Returns the setting that goes with a selector. */
        static String settingOf(String selector) {
            return selector + ".missing";
        }

        /**
         * Parses the setting.
         *
         * @throws IllegalArgumentException if the text is none of the three
         */
        static Missing parse(String text) {
            for (Missing each : values()) {
                if (each.name().toLowerCase(Locale.ROOT).equals(text)) {
                    return each;
                }
            }
            throw new IllegalArgumentException("must be " + SYNTAX + ", was " + text);
        }

        /**
         * Returns the default for a selector. A field or a header that the configuration names is expected to exist, so
         * its absence is a warning.
         */
        static Missing defaultFor(String from) {
            return from.startsWith(Selector.FIELD) || from.startsWith(Selector.HEADER) ? WARN : DEFAULT;
        }
    }

    /**
     * Parses a selector to watch.
     *
     * @param setting such as {@code partition.from}
     * @param from value of the setting
     * @param chosen what to do about a record that has nothing there. Null: the default, and a path into a value
     *     without fields is an error of the record
     * @param fields finds the fields of values
     */
    WatchedSelector(String setting, String from, @Nullable Missing chosen, RecordFields fields) {
        this.setting = setting;
        this.from = from;
        this.selector = Selector.parse(setting, from, fields);
        this.missing = chosen == null ? Missing.defaultFor(from) : chosen;
        this.isChosen = chosen != null;
    }

    String setting() {
        return setting;
    }

    /** Returns the number of records that had nothing there. */
    long missing() {
        return count.get();
    }

    @Override
    public @Nullable String select(SinkRecord record) {
        String found;
        String reason = null;
        try {
            found = selector.select(record);
        } catch (FieldPath.NoFieldsException e) {
            if (!isChosen) {
                throw new DataException(setting + "=" + from + ": " + e.getMessage(), e);
            }
            found = null;
            reason = e.getMessage();
        }
        if (found == null) {
            miss(record, reason);
        }
        return found;
    }

    private void miss(SinkRecord record, @Nullable String reason) {
        long missed = count.incrementAndGet();
        if (missing == Missing.FAIL) {
            throw new DataException(setting + "=" + from + " finds nothing in the record (" + Missing.settingOf(setting)
                    + "=fail)" + (reason == null ? "" : ": " + reason));
        }
        if (missing == Missing.WARN && missed >= nextWarning) {
            nextWarning = missed * WARNING_FACTOR;
            log.warn(
                    "Records have nothing where a setting looks and get its default; check the setting setting={} from={}"
                            + " records={} last={} reason={}",
                    setting,
                    from,
                    missed,
                    RecordPlace.describe(record),
                    reason == null ? "the record has nothing there" : reason);
        }
    }
}
