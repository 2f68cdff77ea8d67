package dev.sluice.bridge.config;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.bridge.schedule.Missed;
import dev.sluice.bridge.schedule.ScheduleConfig.Declared;
import dev.sluice.bridge.schedule.ScheduleSpec;
import dev.sluice.bridge.schedule.ScheduleTarget;
import dev.sluice.bridge.schedule.Timetable;
import dev.sluice.queue.PriorityLane;
import dev.sluice.work.rules.JsonText;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Parses the keys of schedules: {@code schedules.NAME.…}. */
final class ScheduleParser {
    /** Without dots, which end the name in a key. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,99}");

    private final Map<String, String> found;
    private final Consumer<String> problems;

    /** Makes a parser of these values, which tells {@code problems} each problem. */
    ScheduleParser(Map<String, String> found, Consumer<String> problems) {
        this.found = found;
        this.problems = problems;
    }

    /** Returns whether a key is for this parser. */
    static boolean owns(String key) {
        return key.startsWith(ScheduleKeys.PREFIX);
    }

    /** Returns the schedules that are valid. */
    List<Declared> parse() {
        List<String> names = names();
        found.keySet().stream().filter(ScheduleParser::owns).forEach(key -> checkKey(key, names));
        return names.stream().map(this::schedule).filter(Objects::nonNull).toList();
    }

    private List<String> names() {
        String key = ScheduleKeys.NAMES.name();
        String text = found.getOrDefault(key, "");
        var names = new ArrayList<String>();
        for (String name : text.isBlank() ? List.<String>of() : ScheduleKeys.NAMES.parse(text)) {
            if (!NAME.matcher(name).matches()) {
                problems.accept(key + " must have names of letters, digits, _ and -, was " + text);
            } else if (names.contains(name)) {
                problems.accept(key + " names " + name + " twice");
            } else {
                names.add(name);
            }
        }
        return names;
    }

    private void checkKey(String key, List<String> names) {
        String rest = key.substring(ScheduleKeys.PREFIX.length());
        int dot = rest.indexOf('.');
        String name = dot < 0 ? rest : rest.substring(0, dot);
        if (!names.contains(name)) {
            problems.accept(key + " has no use: " + ScheduleKeys.NAMES.name() + " does not name " + name);
            return;
        }
        Stream<String> known = ScheduleKeys.OF_EACH.keys().stream().map(each -> beginning(name) + each.name());
        if (ScheduleKeys.OF_EACH.keys().stream().noneMatch(each -> key.equals(beginning(name) + each.name()))) {
            problems.accept(BridgeKeys.unknown(key, known));
        }
    }

    private static String beginning(String name) {
        return ScheduleKeys.PREFIX + name + ".";
    }

    private @Nullable Declared schedule(String name) {
        try {
            Optional<Instant> start = time(name, ScheduleKeys.STARTS_AT);
            var spec = new ScheduleSpec(
                    name,
                    given(name, ScheduleKeys.DESCRIPTION),
                    timetable(name),
                    start.orElse(Instant.EPOCH),
                    time(name, ScheduleKeys.ENDS_AT).orElse(null),
                    Missed.of(given(name, ScheduleKeys.MISSED)),
                    target(name));
            return new Declared(ScheduleSpec.require(spec), start.isEmpty());
        } catch (IllegalArgumentException e) {
            String problem = String.valueOf(e.getMessage());
            problems.accept(problem.startsWith(ScheduleKeys.PREFIX) ? problem : "schedule " + name + ": " + problem);
            return null;
        }
    }

    private Timetable.Text timetable(String name) {
        var texts = new ArrayList<Timetable.Text>();
        String zone = given(name, ScheduleKeys.ZONE);
        given(name, ScheduleKeys.CRON).ifPresent(fields -> texts.add(new Timetable.Text("cron", fields, zone)));
        given(name, ScheduleKeys.EVERY).ifPresent(period -> texts.add(new Timetable.Text("every", period, zone)));
        given(name, ScheduleKeys.AT).ifPresent(time -> texts.add(new Timetable.Text("once", time, zone)));
        if (texts.size() != 1) {
            throw new IllegalArgumentException("one of cron, every and at must be set, " + texts.size() + " are");
        }
        return texts.get(0);
    }

    private ScheduleTarget target(String name) {
        Optional<String> queue = given(name, ScheduleKeys.QUEUE);
        Optional<String> type = given(name, ScheduleKeys.TYPE);
        String payload = given(name, ScheduleKeys.PAYLOAD);
        requireJson(payload);
        if (queue.isPresent() == type.isPresent()) {
            throw new IllegalArgumentException("either queue or type must be set");
        }
        Optional<String> partition = given(name, ScheduleKeys.PARTITION);
        Optional<String> key = given(name, ScheduleKeys.KEY);
        PriorityLane lane = PriorityLane.of("priority", given(name, ScheduleKeys.PRIORITY));
        if (queue.isPresent()) {
            if (key.isPresent() || lane != PriorityLane.NORMAL) {
                throw new IllegalArgumentException("key and priority are those of a work: set type, or leave them out");
            }
            return ScheduleTarget.queue(queue.get(), partition.orElse(null), payload, Map.of());
        }
        if (partition.isPresent()) {
            throw new IllegalArgumentException("partition is that of a queue; a work has a key");
        }
        return ScheduleTarget.work(type.orElseThrow(), key.orElse(null), lane, payload, Map.of());
    }

    private static void requireJson(String payload) {
        try {
            JsonText.check(payload.getBytes(UTF_8));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("payload must be JSON: " + e.getMessage(), e);
        }
    }

    private Optional<Instant> time(String name, Key<Optional<String>> key) {
        return given(name, key).map(text -> {
            try {
                return Instant.parse(text);
            } catch (DateTimeParseException e) {
                throw new IllegalArgumentException(
                        beginning(name) + key.name() + " must be an ISO time such as 2030-01-31T08:00:00Z, was " + text,
                        e);
            }
        });
    }

    private <T> T given(String name, Key<T> key) {
        Key<T> named = key.named(beginning(name) + key.name());
        String text = found.getOrDefault(named.name(), "");
        return text.isBlank() ? named.byDefault() : named.parse(text);
    }
}
