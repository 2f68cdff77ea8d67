package dev.sluice.work.engine;

import dev.sluice.queue.WorkHeaders;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.run.Report;
import dev.sluice.work.run.Verdict;
import dev.sluice.work.store.ProgressRows.NewReport;
import dev.sluice.work.store.ProgressRows.Of;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Stores what handlers report while they run, many reports in one transaction. A handler only changes its
 * {@link Report} and wakes the dispatcher, so a report costs its thread no statement.
 */
final class Reports {
    private final Tables tables;
    private final EngineSettings settings;
    private final UUID owner;
    private final Events events;
    private final LongSupplier nanos;
    private final Set<Begun> unsaved = ConcurrentHashMap.newKeySet();
    private volatile Runnable wake = () -> {};
    private long nextNanos;

    Reports(Tables tables, EngineSettings settings, UUID owner, Events events, LongSupplier nanos) {
        this.tables = tables;
        this.settings = settings;
        this.owner = owner;
        this.events = events;
        this.nanos = nanos;
        this.nextNanos = nanos.getAsLong();
    }

    /** Sets what runs when there is something to store. */
    void onReport(Runnable run) {
        wake = run;
    }

    /** Says that a handler has reported something. Any thread. */
    void reported(Begun begun) {
        if (unsaved.add(begun)) {
            wake.run();
        }
    }

    /** Says that a handler has reported how far its work is. Any thread. */
    void progressed(Begun begun, String text) {
        reported(begun);
        events.tell(WorkEvent.Kind.PROGRESS, begun, text);
    }

    /** Returns when {@link #store} has something to do; null: not before a handler reports. */
    @Nullable
    Long nextNanos() {
        return unsaved.isEmpty() ? null : nextNanos;
    }

    /** Stores what works that run have reported, if the time has come. */
    void store() {
        long now = nanos.getAsLong();
        if (unsaved.isEmpty() || now - nextNanos < 0) {
            return;
        }
        nextNanos = now + settings.progressInterval().toNanos();
        List<Begun> due = List.copyOf(unsaved);
        due.forEach(unsaved::remove); // Before its report is read: what is added meanwhile enters it again.
        List<Begun> running = due.stream()
                .filter(each -> each.isRunning() && mayStore(each))
                .toList(); // A settlement stores the others.
        if (running.isEmpty()) {
            return;
        }
        try {
            tables.transactions().run("could not store what handlers report", connection -> {
                tables.progress().putHeld(connection, reports(connection, running), owner);
                return true;
            });
        } catch (RuntimeException e) {
            unsaved.addAll(running);
            throw e;
        }
    }

    private List<NewReport> reports(Connection connection, List<Begun> works) throws SQLException {
        Instant time = tables.types().now(connection);
        var reports = new ArrayList<NewReport>();
        for (Begun work : works) {
            ClaimHold claim = work.history().claim();
            reports.add(new NewReport(
                    of(work), work.place(), claim == null ? null : claim.id(), work.lease(), stored(work, time)));
        }
        return reports;
    }

    /** Returns whether there is a key if one is needed: nothing of an encrypted queue is stored in clear. */
    private boolean mayStore(Begun work) {
        return !state(work).isEncrypted() || settings.cipher().hasKey();
    }

    /** Returns the report of a work as it is stored: encrypted if its queue is. */
    private String stored(Begun work, Instant time) {
        String json = work.report().json(time, nanos.getAsLong());
        TypeRows.State state = state(work);
        return state.isEncrypted() ? settings.cipher().seal(state.queue(), json) : json;
    }

    /** Returns the report of a work that becomes a dead letter, as it is stored; null: none. */
    @Nullable
    String ofDead(Begun work, Instant time) {
        return work.report().isEmpty() || !mayStore(work) ? null : stored(work, time);
    }

    /** Stores the reports of works that run again, and deletes those of the others. In a settlement. */
    void settle(Connection connection, List<Ended> held, Instant time) throws SQLException {
        var kept = new ArrayList<NewReport>();
        var gone = new ArrayList<Of>();
        for (Ended each : held) {
            Report report = each.begun().report();
            if (each.verdict() instanceof Verdict.Again) {
                if (!report.isEmpty() && mayStore(each.begun())) {
                    kept.add(new NewReport(
                            of(each.begun()), each.begun().place(), null, null, stored(each.begun(), time)));
                }
            } else if (report.mayBeStored() || each.begun().header(WorkHeaders.REPLAYED) != null) {
                gone.add(of(each.begun()));
            }
        }
        tables.progress().put(connection, kept);
        tables.progress().delete(connection, gone);
    }

    /** Returns what earlier runs of works have reported, in clear. */
    Map<UUID, String> load(Connection connection, TypeRows.State state, List<UUID> works) throws SQLException {
        if (works.isEmpty()) {
            return Map.of();
        }
        var reports = new HashMap<UUID, String>();
        tables.progress()
                .load(connection, state.queueId(), works)
                .forEach((id, report) -> reports.put(id, settings.cipher().open(state.queue(), report)));
        return reports;
    }

    private static Of of(Begun work) {
        return new Of(state(work).queueId(), work.id().value());
    }

    private static TypeRows.State state(Begun work) {
        return Objects.requireNonNull(work.type().state(), "a type whose works were claimed was loaded");
    }
}
