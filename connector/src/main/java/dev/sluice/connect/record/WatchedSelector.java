package dev.sluice.connect.record;

import dev.sluice.connect.sink.ErrantRecords;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A selector that counts the records that have nothing where it looks, and handles them as a setting says.
 *
 * <p>The task's thread selects; any thread may read the count.
 */
public final class WatchedSelector implements Selector {
    private static final Logger log = LoggerFactory.getLogger(WatchedSelector.class);

    private static final int WARNS_AGAIN_AFTER_TIMES = 10;

    private final String setting;
    private final String from;
    private final Selector selector;
    private final Missing missing;
    private final boolean isChosen;
    private final AtomicLong count = new AtomicLong();
    private long nextWarning = 1;

    /** What to do about a record that has nothing where a selector looks. */
    public enum Missing {
        /** What the setting takes otherwise. */
        DEFAULT,
        /** The same, and a warning at the first such record, the tenth, the hundredth and so on. */
        WARN,
        /** The record is an error. */
        FAIL;

        public static final String SYNTAX = "default, warn or fail";

        /** Name of the setting beside the one that says where to look. */
        public static String settingOf(String selector) {
            return selector + ".missing";
        }

        /**
         * Reads the setting.
         *
         * @throws IllegalArgumentException if it is none of the three
         */
        public static Missing parse(String text) {
            for (Missing each : values()) {
                if (each.name().toLowerCase(Locale.ROOT).equals(text)) {
                    return each;
                }
            }
            throw new IllegalArgumentException("must be " + SYNTAX + ", was " + text);
        }

        /**
         * Returns the default. A field or header that the configuration names is expected to exist, so its absence is a
         * warning.
         */
        static Missing usual(String from) {
            return from.startsWith(Selector.FIELD) || from.startsWith(Selector.HEADER) ? WARN : DEFAULT;
        }
    }

    /**
     * Makes it.
     *
     * @param setting such as {@code partition.from}
     * @param from value of the setting
     * @param chosen what to do about a record that has nothing there; null: the usual, and a path into a value without
     *     fields is an error of the record
     */
    public WatchedSelector(String setting, String from, @Nullable Missing chosen) {
        this.setting = setting;
        this.from = from;
        this.selector = Selector.parse(setting, from);
        this.missing = chosen == null ? Missing.usual(from) : chosen;
        this.isChosen = chosen != null;
    }

    public String setting() {
        return setting;
    }

    /** Returns how many records had nothing there. */
    public long missing() {
        return count.get();
    }

    @Override
    public @Nullable String select(SinkRecord record) {
        String found = find(record);
        if (found == null) {
            miss(record);
        }
        return found;
    }

    private @Nullable String find(SinkRecord record) {
        try {
            return selector.select(record);
        } catch (FieldPath.NoFieldsException e) {
            if (isChosen) {
                return null;
            }
            throw e;
        }
    }

    private void miss(SinkRecord record) {
        long missed = count.incrementAndGet();
        if (missing == Missing.FAIL) {
            throw new DataException(
                    setting + "=" + from + " finds nothing in the record (" + Missing.settingOf(setting) + "=fail)");
        }
        if (missing == Missing.WARN && missed >= nextWarning) {
            nextWarning = missed * WARNS_AGAIN_AFTER_TIMES;
            log.warn(
                    "Records have nothing where a setting looks, and get what the setting takes otherwise setting={}"
                            + " from={} records={} last={}",
                    setting,
                    from,
                    missed,
                    ErrantRecords.name(record));
        }
    }
}
