package dev.sluice.connect.record;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.jspecify.annotations.Nullable;

/**
 * A path to a field of a value.
 *
 * <p>{@code customer.id} is the field with that whole name if there is one (the transform {@code Flatten} makes such
 * names). Otherwise it is the field {@code id} of the field {@code customer}. The longer name wins at every step. A
 * name in back-ticks is literal, and never joined with its neighbours: {@code `customer.id`} or {@code `a.b`.c}. Two
 * back-ticks in such a name stand for one.
 *
 * <p>Immutable; any thread may use it.
 */
final class FieldPath {
    private final String text;
    private final List<Name> names;

    private record Name(String text, boolean isQuoted) {}

    /** A value and its schema. */
    record Found(@Nullable Schema schema, Object value) {}

    private FieldPath(String text, List<Name> names) {
        this.text = text;
        this.names = List.copyOf(names);
    }

    /**
     * Parses a path.
     *
     * @throws IllegalArgumentException if a back-tick is not closed, or a character other than a dot follows the
     *     closing back-tick
     */
    static FieldPath parse(String text) {
        var names = new ArrayList<Name>();
        int at = 0;
        while (at <= text.length()) {
            var name = new StringBuilder();
            boolean isQuoted = at < text.length() && text.charAt(at) == '`';
            at = isQuoted ? quoted(text, at, name) : plain(text, at, name);
            names.add(new Name(name.toString(), isQuoted));
            if (at < text.length() && text.charAt(at) != '.') {
                throw new IllegalArgumentException("has something behind a closing back-tick that is no dot: " + text);
            }
            at++;
        }
        return new FieldPath(text, names);
    }

    private static int plain(String text, int from, StringBuilder name) {
        int dot = text.indexOf('.', from);
        int end = dot < 0 ? text.length() : dot;
        name.append(text, from, end);
        return end;
    }

    private static int quoted(String text, int from, StringBuilder name) {
        int at = from + 1;
        while (true) {
            int tick = text.indexOf('`', at);
            if (tick < 0) {
                throw new IllegalArgumentException("has a back-tick that is not closed: " + text);
            }
            name.append(text, at, tick);
            at = tick + 1;
            if (at == text.length() || text.charAt(at) != '`') {
                return at;
            }
            name.append('`');
            at++;
        }
    }

    /** Returns the path as the setting has it. */
    @Override
    public String toString() {
        return text;
    }

    /** A path leads into a text, a number, an array or another value without fields. */
    static final class NoFieldsException extends DataException {
        private static final long serialVersionUID = 1L;

        NoFieldsException(String message) {
            super(message);
        }
    }

    /**
     * Returns the field; null if the value has no such field, or the field is null.
     *
     * @throws NoFieldsException if no field is found and some reading of the path leads into a value without fields
     */
    @Nullable
    Found find(@Nullable Schema schema, @Nullable Object value) {
        var search = new Search();
        Found found = search.find(schema, value, 0);
        if (found == null && search.withoutFields != null) {
            throw new NoFieldsException(
                    "value has no field " + text + ": it is a " + search.withoutFields + " and not a struct or a map");
        }
        return found;
    }

    private final class Search {
        /** Class of a value without fields that the path leads into; null if there is none. */
        private @Nullable String withoutFields;

        private @Nullable Found find(@Nullable Schema schema, @Nullable Object value, int from) {
            if (value == null) {
                return null;
            }
            if (from == names.size()) {
                return new Found(schema, value);
            }
            if (!(value instanceof Struct) && !(value instanceof Map<?, ?>)) {
                withoutFields = value.getClass().getSimpleName();
                return null;
            }
            for (int to = joinable(from); to > from; to--) {
                Found field = field(schema, value, joined(from, to));
                Found found = field == null ? null : find(field.schema, field.value, to);
                if (found != null) {
                    return found;
                }
            }
            return null;
        }
    }

    /** Returns the end, exclusive, of the longest run of names that may together be one name. */
    private int joinable(int from) {
        int to = from + 1;
        if (!names.get(from).isQuoted) {
            while (to < names.size() && !names.get(to).isQuoted) {
                to++;
            }
        }
        return to;
    }

    private String joined(int from, int to) {
        if (to == from + 1) {
            return names.get(from).text;
        }
        return String.join(".", names.subList(from, to).stream().map(Name::text).toList());
    }

    private static @Nullable Found field(@Nullable Schema schema, Object value, String name) {
        if (value instanceof Struct struct) {
            Field field = struct.schema().field(name);
            Object found = field == null ? null : struct.get(field);
            return found == null ? null : new Found(field.schema(), found);
        }
        Object found = ((Map<?, ?>) value).get(name);
        return found == null ? null : new Found(schema == null ? null : schema.valueSchema(), found);
    }
}
