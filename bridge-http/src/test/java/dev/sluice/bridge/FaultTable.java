package dev.sluice.bridge;

import dev.sluice.bridge.FaultWalk.Answered;
import dev.sluice.bridge.FaultWalk.Fault;
import dev.sluice.bridge.FaultWalk.Seen;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes the table of {@code docs/operations.md} from the observations of a {@link FaultWalk}. */
final class FaultTable {
    private FaultTable() {}

    static String seconds(Duration time) {
        return String.format(Locale.ROOT, "%.1f s", time.toMillis() / 1000.0);
    }

    /** Returns the table, in Markdown: a column for each fault. */
    static String of(Map<Fault, Seen> seen) {
        var text = new StringBuilder("| |");
        seen.keySet().forEach(fault -> text.append(' ').append(fault.title).append(" |"));
        text.append("\n|---|").append("---|".repeat(seen.size())).append('\n');
        for (String kind : seen.get(Fault.NONE).then().keySet()) {
            row(text, seen, kind, each -> each.then().get(kind).cell());
        }
        for (String kind : List.of("pop, auto-ack", "transaction")) {
            row(
                    text,
                    seen,
                    kind + ", as it begins",
                    each -> each.first().get(kind).cell());
        }
        row(
                text,
                seen,
                "longest answer as it begins",
                each -> seconds(each.first().values().stream()
                        .map(Answered::took)
                        .max(Duration::compareTo)
                        .orElseThrow()));
        row(text, seen, "`/health`", each -> Integer.toString(each.health().health()));
        row(
                text,
                seen,
                "`/ready`, its `database`",
                each -> each.health().ready() + ", " + each.health().readySays());
        row(text, seen, "`/live`", each -> Integer.toString(each.health().live()));
        row(text, seen, "`dbHealthy`", each -> Boolean.toString(each.health().dbHealthy()));
        row(text, seen, "`drain`", each -> each.health().drain());
        row(text, seen, "`sluice_database_connected`", each -> each.health().gauge());
        row(text, seen, "health says so after", each -> each.noticed().isZero() ? "" : seconds(each.noticed()));
        row(text, seen, "all is well again after", each -> seconds(each.back()));
        return text.toString();
    }

    private interface Cell {
        String of(Seen seen);
    }

    private static void row(StringBuilder text, Map<Fault, Seen> seen, String title, Cell cell) {
        text.append("| ").append(title).append(" |");
        seen.values().forEach(each -> text.append(' ').append(cell.of(each)).append(" |"));
        text.append('\n');
    }
}
