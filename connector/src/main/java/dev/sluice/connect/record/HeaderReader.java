package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the headers of a record that become headers of its message.
 *
 * <p>Kafka allows headers that a message cannot have ({@link MessageHeaders}): names that are no tokens, the same name
 * twice, any bytes, and any number of them. The reader leaves such a header out, counts it, and warns at the first one.
 * If a name occurs twice, the last one counts. If {@code headers.invalid} is {@code fail}, the record is an error
 * instead.
 *
 * <p>A converter may have made a number or another value of a header. The reader takes its text, as in a payload, and
 * warns at the first one, because the text may differ from what was sent.
 *
 * <p>The task's thread reads. Any thread may read the count.
 */
final class HeaderReader {
    /** Values of the setting {@code headers} that are not a list of names. */
    static final String ALL = "all";

    static final String NONE = "none";

    /** Values of the setting {@code headers.invalid}. */
    static final String DROP = "drop";

    static final String FAIL = "fail";

    private static final Logger log = LoggerFactory.getLogger(HeaderReader.class);

    /** The names to read; null for all. Their case does not count. */
    private final @Nullable Set<String> names;

    private final HeaderLimits limits;
    private final boolean failsOnInvalid;
    private final AtomicLong leftOut = new AtomicLong();
    private boolean hasWarnedOfType;

    /**
     * Makes a reader.
     *
     * @param names the value of the setting {@code headers}
     * @param limits of the headers of a message
     * @param failsOnInvalid whether a header that no message can have is an error of its record
     */
    HeaderReader(String names, HeaderLimits limits, boolean failsOnInvalid) {
        this.names = parse(names);
        this.limits = limits;
        this.failsOnInvalid = failsOnInvalid;
    }

    /**
     * Parses the setting {@code headers}.
     *
     * @throws IllegalArgumentException if it is empty, or if a name is no name of a header
     */
    static @Nullable Set<String> parse(String setting) {
        if (setting.strip().equals(ALL)) {
            return null;
        }
        var names = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        if (setting.strip().equals(NONE)) {
            return names;
        }
        for (String each : setting.split(",", -1)) {
            String name = each.strip();
            MessageHeaders unused = MessageHeaders.of(Map.of(name, ""));
            names.add(name);
        }
        return names;
    }

    /** Returns the number of headers that were left out. */
    long leftOut() {
        return leftOut.get();
    }

    /**
     * Returns the headers of a record's message, in the order of the record.
     *
     * @param isOwn whether Sluice has written the record. The headers of its message have passed their limits before,
     *     and encrypted ones are larger
     * @throws DataException if the record has a header that no message can have, and that is an error
     */
    MessageHeaders read(SinkRecord record, boolean isOwn) {
        if (record.headers().isEmpty() || (names != null && names.isEmpty())) {
            return MessageHeaders.NONE;
        }
        var found = new LinkedHashMap<String, Named>();
        for (Header header : record.headers()) {
            if (isWanted(header.key())) {
                add(record, header, found);
            }
        }
        if (found.isEmpty()) {
            return MessageHeaders.NONE;
        }
        var texts = new LinkedHashMap<String, String>();
        found.values().forEach(each -> texts.put(each.name, each.value));
        return fitting(record, texts, isOwn ? HeaderLimits.ABSOLUTE : limits);
    }

    /** A header by its name as it is written. */
    private record Named(String name, String value) {}

    private boolean isWanted(@Nullable String name) {
        return name != null
                && !name.regionMatches(true, 0, MessageHeaders.RESERVED, 0, MessageHeaders.RESERVED.length())
                && (names == null || names.contains(name));
    }

    private void add(SinkRecord record, Header header, Map<String, Named> found) {
        String text;
        try {
            text = text(record, header);
        } catch (CharacterCodingException e) {
            leaveOut(record, header.key(), "its bytes are not UTF-8");
            return;
        } catch (DataException e) {
            leaveOut(record, header.key(), "it has no form as text: " + e.getMessage());
            return;
        }
        if (text == null) {
            leaveOut(record, header.key(), "it is null");
            return;
        }
        String name = header.key();
        if (found.remove(name.toLowerCase(Locale.ROOT)) != null) {
            leaveOut(record, name, "its name is there more than once, and the last one counts");
        }
        found.put(name.toLowerCase(Locale.ROOT), new Named(name, text));
    }

    private @Nullable String text(SinkRecord record, Header header) throws CharacterCodingException {
        Schema schema = header.schema();
        Object value = header.value();
        if (value == null || value instanceof String) {
            return (String) value;
        }
        if (value instanceof byte[] bytes) {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        }
        if (value instanceof ByteBuffer bytes) {
            return UTF_8.newDecoder().decode(bytes.duplicate()).toString();
        }
        if (!hasWarnedOfType) {
            hasWarnedOfType = true;
            log.warn(
                    "A header of a record is not text, so its converter may have changed it, such as 007 to 7; set"
                            + " header.converter=org.apache.kafka.connect.storage.StringConverter record={} header={}"
                            + " type={}",
                    RecordPlace.describe(record),
                    shown(header.key()),
                    value.getClass().getSimpleName());
        }
        return JsonText.asPlainText(schema, value);
    }

    /** Returns the headers that a message can have, from the first one on, as far as the limits allow. */
    private MessageHeaders fitting(SinkRecord record, Map<String, String> texts, HeaderLimits most) {
        try {
            MessageHeaders all = MessageHeaders.of(texts);
            most.check(all);
            return all;
        } catch (IllegalArgumentException e) {
            return oneByOne(record, texts, most);
        }
    }

    private MessageHeaders oneByOne(SinkRecord record, Map<String, String> texts, HeaderLimits most) {
        var kept = new LinkedHashMap<String, String>();
        long bytes = 0;
        for (Map.Entry<String, String> each : texts.entrySet()) {
            MessageHeaders single;
            try {
                single = MessageHeaders.of(Map.of(each.getKey(), each.getValue()));
            } catch (IllegalArgumentException e) {
                leaveOut(record, each.getKey(), String.valueOf(e.getMessage()));
                continue;
            }
            if (kept.size() == most.count()) {
                leaveOut(
                        record,
                        each.getKey(),
                        "headers must be at most " + most.count() + " (" + MappingSettings.HEADERS_MAX_COUNT + "), are "
                                + texts.size());
            } else if (bytes + single.bytes() > most.bytes()) {
                leaveOut(
                        record,
                        each.getKey(),
                        "headers must have at most " + most.bytes() + " bytes (" + MappingSettings.HEADERS_MAX_BYTES
                                + "), would have " + (bytes + single.bytes()));
            } else {
                kept.put(each.getKey(), each.getValue());
                bytes += single.bytes();
            }
        }
        return MessageHeaders.of(kept);
    }

    private void leaveOut(SinkRecord record, String name, String reason) {
        if (failsOnInvalid) {
            throw new DataException("header " + shown(name) + " cannot be a header of the message: " + reason + " ("
                    + MappingSettings.HEADERS_INVALID + "=" + FAIL + ")");
        }
        if (leftOut.getAndIncrement() == 0) {
            log.warn(
                    "A header of a record is left out, because no message can have it; the task only counts further"
                            + " ones record={} header={} reason={}",
                    RecordPlace.describe(record),
                    shown(name),
                    reason);
        }
    }

    private static String shown(String name) {
        return name.length() > MessageHeaders.MAX_NAME_LENGTH
                ? name.substring(0, MessageHeaders.MAX_NAME_LENGTH) + "…"
                : name;
    }
}
