package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Checks that JSON has the fields and types of a shape. */
final class Shapes {
    private Shapes() {}

    /**
     * Checks the shape of a value: {@code n} number, {@code s} text, {@code t} time, {@code u} UUID, {@code b} boolean,
     * {@code ?} before one of these also null; {@code *} anything; {@code [shape]} a list with at least one element;
     * {@code {name:shape}} an object with exactly these fields.
     */
    static void assertShape(JsonNode value, String shape) {
        assertThat(value).isNotNull();
        if (shape.startsWith("?")) {
            if (!value.isNull()) {
                assertShape(value, shape.substring(1));
            }
        } else if (shape.startsWith("[")) {
            assertThat(value.isArray()).as(value + " " + shape).isTrue();
            assertThat(value).as(shape).isNotEmpty();
            value.forEach(element -> assertShape(element, shape.substring(1, shape.length() - 1)));
        } else if (shape.startsWith("{")) {
            var names = new ArrayList<String>();
            for (String field : fields(shape.substring(1, shape.length() - 1))) {
                int colon = field.indexOf(':');
                names.add(field.substring(0, colon));
                assertThat(value.has(field.substring(0, colon)))
                        .as(field + " of " + value)
                        .isTrue();
                assertShape(value.get(field.substring(0, colon)), field.substring(colon + 1));
            }
            assertThat(value.fieldNames()).toIterable().containsExactlyInAnyOrderElementsOf(names);
        } else {
            assertThat(isOf(value, shape)).as(value + " is " + shape).isTrue();
        }
    }

    private static boolean isOf(JsonNode value, String shape) {
        return switch (shape) {
            case "n" -> value.isNumber();
            case "s" -> value.isTextual();
            case "b" -> value.isBoolean();
            case "t" -> value.asText().matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z");
            case "u" -> UUID.fromString(value.asText()).toString().equals(value.asText());
            case "*" -> true;
            default -> throw new IllegalArgumentException(shape);
        };
    }

    /** Splits at the commas of the outermost level. */
    private static List<String> fields(String shapes) {
        var fields = new ArrayList<String>();
        int depth = 0;
        int start = 0;
        for (int i = 0; i < shapes.length(); i++) {
            char c = shapes.charAt(i);
            depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
            if (c == ',' && depth == 0) {
                fields.add(shapes.substring(start, i));
                start = i + 1;
            }
        }
        fields.add(shapes.substring(start));
        return fields;
    }
}
