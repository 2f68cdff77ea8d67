package dev.sluice.bridge.http;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.queue.TimeText;
import java.net.URLEncoder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The page of a list that a request asks for with {@code limit} and {@code cursor} in its query.
 *
 * <p>A cursor names the last row of the previous page. So every page costs the same, and rows that are added or removed
 * do not shift other rows. If more rows follow, the answer has the headers {@code Link} with {@code rel="next"},
 * {@value #NEXT} and {@value #TRUNCATED}. If the answer is an object, it also has {@code "truncated": true} and
 * {@code nextCursor}. The last page has none of them.
 *
 * @param list name of the list; a cursor of another list is refused
 * @param limit the largest number of rows of the page
 * @param offset number of rows to skip; 0 with a cursor
 * @param after the values of the last row of the previous page; empty for the first page
 */
public record PageRequest(String list, int limit, int offset, List<String> after) {
    static final String NEXT = "Sluice-Next-Cursor";
    static final String TRUNCATED = "Sluice-Truncated";

    private static final String CURSOR = "cursor";
    private static final String OFFSET = "offset";
    private static final int MAX_CURSOR_LENGTH = 16_384;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Copies the values. */
    public PageRequest {
        after = List.copyOf(after);
    }

    /**
     * Reads the query.
     *
     * @param usual the default {@code limit}
     * @param most the largest limit; a greater {@code limit} is cut down
     * @param fields the number of values in a cursor of this list
     * @throws InvalidRequestException (400) if the cursor is not one of this list, or if the query also has an offset
     */
    public static PageRequest of(Request request, String list, int usual, int most, int fields) {
        int limit = Parameters.numberInQuery(request, "limit", Math.min(usual, most), 0, most);
        int offset = Parameters.numberInQuery(request, OFFSET, 0, 0, Integer.MAX_VALUE);
        String cursor = Parameters.textInQuery(request, CURSOR);
        if (cursor != null && offset > 0) {
            throw badRequest("cursor and offset exclude each other");
        }
        return new PageRequest(list, limit, offset, cursor == null ? List.of() : decode(list, cursor, fields));
    }

    private static List<String> decode(String list, String cursor, int fields) {
        try {
            if (cursor.length() <= MAX_CURSOR_LENGTH) {
                String[] values =
                        JSON.readValue(new String(Base64.getUrlDecoder().decode(cursor), UTF_8), String[].class);
                if (values.length == fields + 1
                        && values[0].equals(list)
                        && Arrays.stream(values).noneMatch(value -> value.indexOf('\0') >= 0)) {
                    return Arrays.asList(values).subList(1, values.length);
                }
            }
        } catch (JsonProcessingException | RuntimeException e) {
            // The message below says so.
        }
        throw wrongCursor();
    }

    private static InvalidRequestException wrongCursor() {
        return badRequest("cursor must be a nextCursor of the same list");
    }

    public boolean isFirst() {
        return after.isEmpty();
    }

    /** Returns a value of the cursor; null on the first page. */
    @Nullable
    public String text(int field) {
        return isFirst() ? null : after.get(field);
    }

    /** Returns a value of the cursor as a number; null on the first page. */
    @Nullable
    public Long number(int field) {
        try {
            return isFirst() ? null : (Long) Long.parseLong(after.get(field));
        } catch (NumberFormatException e) {
            throw wrongCursor();
        }
    }

    /** Returns a value of the cursor as a time; null on the first page. */
    @Nullable
    public Instant time(int field) {
        try {
            return isFirst() ? null : TimeText.parse(CURSOR, after.get(field));
        } catch (IllegalArgumentException e) {
            throw wrongCursor();
        }
    }

    /** Returns the number of rows to read: one more than the page holds, which shows whether more rows follow. */
    public int rows() {
        return limit + 1;
    }

    /** Returns the rows of the page, out of the rows that were read. */
    public <T> List<T> page(List<T> rows) {
        return rows.subList(0, Math.min(limit, rows.size()));
    }

    /** Returns whether more rows were read than the page holds. No page follows an empty page. */
    public boolean isTruncated(List<?> rows) {
        return limit > 0 && rows.size() > limit;
    }

    /** Returns the cursor of the next page. */
    public String cursor(Object... lastRow) {
        var values = new ArrayList<String>();
        values.add(list);
        for (Object value : lastRow) {
            values.add(value.toString());
        }
        try {
            return Base64.getUrlEncoder().withoutPadding().encodeToString(JSON.writeValueAsBytes(values));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cannot write " + values, e);
        }
    }

    /** Adds the headers for the next page. */
    public static void announce(Request request, @Nullable String nextCursor) {
        if (nextCursor == null) {
            return;
        }
        var next = new StringBuilder(request.path()).append('?');
        for (Map.Entry<String, List<String>> parameter :
                request.query().parameters().entrySet()) {
            if (!parameter.getKey().equals(CURSOR) && !parameter.getKey().equals(OFFSET)) {
                for (String value : parameter.getValue()) {
                    next.append(URLEncoder.encode(parameter.getKey(), UTF_8))
                            .append('=')
                            .append(URLEncoder.encode(value, UTF_8))
                            .append('&');
                }
            }
        }
        request.answerHeader("Link", "<" + next + CURSOR + "=" + nextCursor + ">; rel=\"next\"");
        request.answerHeader(NEXT, nextCursor);
        request.answerHeader(TRUNCATED, "true");
    }

    /** Adds the headers and the fields for the next page. */
    public static ObjectNode announce(Request request, ObjectNode body, @Nullable String nextCursor) {
        announce(request, nextCursor);
        return nextCursor == null ? body : body.put("nextCursor", nextCursor).put("truncated", true);
    }

    /** Adds the headers and the fields for the next page to an open object. */
    public static JsonOutput announce(Request request, JsonOutput body, @Nullable String nextCursor) {
        announce(request, nextCursor);
        return nextCursor == null ? body : body.field("nextCursor", nextCursor).field("truncated", true);
    }

    /** Adds the header that says that the list omits rows which no other page has. */
    public static void announcePartial(Request request) {
        request.answerHeader(TRUNCATED, "true");
    }
}
