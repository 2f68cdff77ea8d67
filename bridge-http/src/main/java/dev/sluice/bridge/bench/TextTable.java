package dev.sluice.bridge.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A table of text for a terminal: the first column to the left, all others to the right. Owned by one thread. */
public final class TextTable {
    /** Stands for a figure that is not known, or that a path does not have. */
    static final String UNKNOWN = "?";

    private static final String GAP = "  ";

    private final List<List<String>> rows = new ArrayList<>();

    public TextTable(List<String> headers) {
        rows.add(List.copyOf(headers));
    }

    public void row(List<String> cells) {
        rows.add(List.copyOf(cells));
    }

    boolean isEmpty() {
        return rows.size() == 1;
    }

    /** Returns a number with a fixed count of decimals. */
    public static String number(double value, int decimals) {
        return Double.isNaN(value) ? UNKNOWN : String.format(Locale.ROOT, "%,." + decimals + "f", value);
    }

    @Override
    public String toString() {
        var text = new StringBuilder();
        for (List<String> row : rows) {
            var line = new StringBuilder();
            for (int i = 0; i < row.size(); i++) {
                int column = i;
                int width = rows.stream()
                        .mapToInt(each -> each.get(column).length())
                        .max()
                        .orElse(0);
                String space = " ".repeat(width - row.get(i).length());
                line.append(i == 0 ? row.get(i) + space : GAP + space + row.get(i));
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }
}
