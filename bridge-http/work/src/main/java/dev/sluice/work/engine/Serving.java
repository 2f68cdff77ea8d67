package dev.sluice.work.engine;

import dev.sluice.queue.QueueException;
import dev.sluice.work.store.ItemRows;
import dev.sluice.work.store.TypeRows;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the types apart: a type whose works cannot be claimed rests for a while, and the others go on. The dispatcher
 * uses it.
 */
final class Serving {
    private static final Logger log = LoggerFactory.getLogger(Serving.class);

    private static final long REST_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final EngineSettings settings;
    private final LongSupplier nanos;

    Serving(EngineSettings settings, LongSupplier nanos) {
        this.settings = settings;
        this.nanos = nanos;
    }

    /** Returns whether works of a type may be claimed here and now. */
    boolean isOpen(HandledType type, TypeRows.State state) {
        boolean lacksKey = state.isEncrypted() && !settings.cipher().hasKey();
        if (type.lacksKey() != lacksKey) {
            type.lacksKey(lacksKey);
            if (lacksKey) {
                log.error(
                        "The queue of a type is encrypted and the engine has no key; it claims no works type={}",
                        type.name());
            }
        }
        return !state.isPaused() && !type.isLeaving() && !lacksKey && !type.rests(nanos.getAsLong());
    }

    /**
     * Looks what is due of the types whose time has come, and of those whose time comes soon, together.
     *
     * @param looks looks into queues
     * @return what is due, by queue
     */
    Map<Long, ItemRows.Look> look(List<HandledType> types, Function<List<Long>, Map<Long, ItemRows.Look>> looks) {
        long now = nanos.getAsLong();
        var due = new ArrayList<HandledType>();
        boolean isTime = false;
        for (HandledType type : types) {
            TypeRows.State state = type.state();
            long wait = type.nextLookNanos() - now;
            if (wait <= settings.pollInterval().toNanos() / 4 && state != null && isOpen(type, state)) {
                due.add(type);
                isTime |= wait <= 0;
            }
        }
        if (!isTime) {
            return Map.of();
        }
        try {
            return looks.apply(due.stream().map(Serving::queueId).toList());
        } catch (RuntimeException e) {
            if (e instanceof QueueException failure && !failure.isAboutData()) {
                throw e;
            }
            var found = new HashMap<Long, ItemRows.Look>(); // The others go on.
            due.forEach(type -> claim(type, () -> {
                found.putAll(looks.apply(List.of(queueId(type))));
                return false;
            }));
            return found;
        }
    }

    private static long queueId(HandledType type) {
        return Objects.requireNonNull(type.state(), "a type that is open was loaded")
                .queueId();
    }

    /**
     * Claims works of a type. If that fails, and PostgreSQL is not the reason, the type rests.
     *
     * @param claims returns whether there may be more at once
     */
    boolean claim(HandledType type, BooleanSupplier claims) {
        try {
            boolean isBusy = claims.getAsBoolean();
            if (type.rest(null)) {
                log.info("Works of a type are claimed again type={}", type.name());
            }
            return isBusy;
        } catch (RuntimeException e) {
            if (e instanceof QueueException failure && !failure.isAboutData()) {
                throw e;
            }
            if (type.rest(nanos.getAsLong() + REST_NANOS)) {
                log.error("Works of a type cannot be claimed; trying again every second type={}", type.name(), e);
            }
            return false;
        }
    }
}
