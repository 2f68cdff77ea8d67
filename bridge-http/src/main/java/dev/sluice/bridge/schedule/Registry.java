package dev.sluice.bridge.schedule;

import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes, shows, changes and deletes schedules. Safe for use by many threads. */
public final class Registry {
    private static final Logger log = LoggerFactory.getLogger(Registry.class);

    private final Transactions transactions;
    private final ScheduleRows rows;
    private final int most;
    private final Runnable changed;

    Registry(Transactions transactions, ScheduleRows rows, int most, Runnable changed) {
        this.transactions = transactions;
        this.rows = rows;
        this.most = most;
        this.changed = changed;
    }

    /** A schedule cannot be made or changed as things are. */
    public static final class ConflictException extends Exception {
        private static final long serialVersionUID = 1L;

        ConflictException(String message) {
            super(message);
        }
    }

    /**
     * Makes a schedule.
     *
     * @param spec gets the time of the database
     * @throws ConflictException if there is one of its name, or there are too many
     * @throws IllegalArgumentException if it would never fire
     */
    public Schedule create(Function<Instant, ScheduleSpec> spec) throws ConflictException {
        Made made = transactions.run("could not make a schedule", connection -> {
            Instant now = rows.now(connection);
            ScheduleSpec wanted = spec.apply(now).checked();
            if (rows.count(connection) >= most) {
                return new Made(null, "there are " + most + " schedules, and scheduling.max allows no more");
            }
            return rows.insert(connection, wanted, false, firstTick(wanted, now))
                    .map(found -> new Made(found, ""))
                    .orElseGet(() -> new Made(null, "there is a schedule " + wanted.name()));
        });
        Schedule schedule = made.schedule();
        if (schedule == null) {
            throw new ConflictException(made.problem());
        }
        changed.run();
        return schedule;
    }

    private record Made(@Nullable Schedule schedule, String problem) {}

    private static Instant firstTick(ScheduleSpec spec, Instant now) {
        Instant first = spec.ticks().after(now);
        if (first == null) {
            throw new IllegalArgumentException("the schedule would never fire: it has no time after " + now);
        }
        return first;
    }

    /**
     * Changes a schedule. If that changes when it fires, its next tick is the first one from now on.
     *
     * @return empty: there is none of this name
     * @throws ConflictException if the configuration declares it
     * @throws IllegalArgumentException if the change is not valid
     */
    public Optional<Schedule> update(String name, UnaryOperator<ScheduleSpec> change) throws ConflictException {
        Made made = transactions.run("could not change schedule " + name, connection -> {
            Optional<Schedule> before = rows.lock(connection, name);
            if (before.isEmpty()) {
                return new Made(null, "");
            }
            Schedule found = before.get();
            if (found.isFromFile()) {
                return new Made(null, ofFile(name));
            }
            if (!found.spec().target().isReadable()) {
                return new Made(
                        null,
                        "the payload of schedule " + name
                                + " was stored with a key that this service does not have: change it"
                                + " at a service with that key, or delete it and make it again");
            }
            ScheduleSpec wanted = change.apply(found.spec()).checked();
            return new Made(
                    rows.update(connection, wanted, next(found, wanted, rows.now(connection)))
                            .orElseThrow(),
                    "");
        });
        if (!made.problem().isEmpty()) {
            throw new ConflictException(made.problem());
        }
        changed.run();
        return Optional.ofNullable(made.schedule());
    }

    private static String ofFile(String name) {
        return "schedule " + name + " is declared in the configuration of a bridge: change it there";
    }

    private static @Nullable Instant next(Schedule before, ScheduleSpec wanted, Instant now) {
        return hasSameTimes(before, wanted) ? before.times().nextAt() : firstTick(wanted, since(before, now));
    }

    private static boolean hasSameTimes(Schedule before, ScheduleSpec wanted) {
        return before.spec().timetable().equals(wanted.timetable())
                && before.spec().startsAt().equals(wanted.startsAt())
                && Objects.equals(before.spec().endsAt(), wanted.endsAt());
    }

    /** Returns the time after which no tick was fired: now, or the last tick if the clock went back. */
    private static Instant since(Schedule schedule, Instant now) {
        Instant last = schedule.times().lastTick();
        return last != null && last.isAfter(now) ? last : now;
    }

    /** Returns a schedule; empty: there is none of this name. */
    public Optional<Schedule> find(String name) {
        return transactions.run("could not read schedule " + name, connection -> rows.get(connection, name));
    }

    /** Returns schedules in the order of their names, after a name; null: from the first one on. */
    public List<Schedule> list(@Nullable String after, int limit) {
        return transactions.run("could not list schedules", connection -> rows.list(connection, after, limit));
    }

    /**
     * A schedule and its next ticks.
     *
     * @param ticks empty: there is none any more
     */
    public record Preview(Schedule schedule, List<Instant> ticks) {}

    /** Returns the next ticks of a schedule, as if it were not paused; empty: there is none of this name. */
    public Optional<Preview> next(String name, int count) {
        return transactions.run("could not read schedule " + name, connection -> {
            Instant now = rows.now(connection);
            return rows.get(connection, name)
                    .map(found -> new Preview(found, found.spec().ticks().next(now, count)));
        });
    }

    /**
     * Deletes a schedule. Messages that it has pushed stay.
     *
     * @return whether there was one
     * @throws ConflictException if the configuration declares it
     */
    public boolean delete(String name) throws ConflictException {
        Optional<Schedule> found = find(name);
        if (found.isPresent() && found.get().isFromFile()) {
            throw new ConflictException(ofFile(name));
        }
        return transactions.run("could not delete schedule " + name, connection -> rows.delete(connection, name));
    }

    /** Pauses a schedule: ticks until {@link #resume} are left out. Empty: there is none of this name. */
    public Optional<Schedule> pause(String name) {
        return transactions.run("could not pause schedule " + name, connection -> rows.pause(connection, name));
    }

    /** Lets a schedule fire again, from its next tick on. Empty: there is none of this name. */
    public Optional<Schedule> resume(String name) {
        Optional<Schedule> resumed = transactions.run("could not resume schedule " + name, connection -> {
            Optional<Schedule> before = rows.lock(connection, name);
            if (before.isEmpty() || before.get().times().pausedAt() == null) {
                return before;
            }
            Instant next = before.get().spec().ticks().after(since(before.get(), rows.now(connection)));
            return rows.resume(connection, name, next);
        });
        changed.run();
        return resumed;
    }

    /**
     * Makes the schedules of a configuration those of the database. Those that the configuration has no more are
     * deleted. Those that were made over HTTP stay.
     *
     * @return the names of those that were left out because a schedule that was made over HTTP has their name
     */
    List<String> declare(List<ScheduleConfig.Declared> declared) {
        List<String> refused = transactions.run("could not store the schedules of the configuration", connection -> {
            long unused = rows.count(connection); // Two bridges that start do this one after the other.
            var taken = new ArrayList<String>();
            var names = new HashSet<String>();
            Instant now = rows.now(connection);
            for (ScheduleConfig.Declared each : declared) {
                names.add(each.spec().name());
                if (!declare(connection, each, now)) {
                    taken.add(each.spec().name());
                }
            }
            for (String name : rows.ofFile(connection)) {
                if (!names.contains(name)) {
                    boolean gone = rows.delete(connection, name);
                    log.info(
                            "Deleted a schedule that the configuration does not declare any more schedule={} gone={}",
                            name,
                            gone);
                }
            }
            return taken;
        });
        changed.run();
        return refused;
    }

    private boolean declare(Connection connection, ScheduleConfig.Declared declared, Instant now) throws SQLException {
        ScheduleSpec given = declared.spec();
        Optional<Schedule> before = rows.lock(connection, given.name());
        if (before.isEmpty()) {
            ScheduleSpec spec = declared.startsNow() ? startingAt(given, now) : given;
            return rows.insert(connection, spec, true, spec.ticks().after(now)).isPresent();
        }
        Schedule found = before.get();
        if (!found.isFromFile()) {
            return false;
        }
        ScheduleSpec spec =
                declared.startsNow() ? startingAt(given, found.spec().startsAt()) : given;
        if (!found.spec().equals(spec)) {
            Instant next = hasSameTimes(found, spec)
                    ? found.times().nextAt()
                    : spec.ticks().after(since(found, now));
            rows.update(connection, spec, next);
        }
        return true;
    }

    private static ScheduleSpec startingAt(ScheduleSpec spec, Instant time) {
        return new ScheduleSpec(
                spec.name(), spec.description(), spec.timetable(), time, spec.endsAt(), spec.missed(), spec.target());
    }
}
