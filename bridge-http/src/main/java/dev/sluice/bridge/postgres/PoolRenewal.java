package dev.sluice.bridge.postgres;

import dev.sluice.queue.SessionFailures;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Replaces the connections of pools that cannot be used, although the watch reaches the server. Three findings lead to
 * that. A connection reports that its session is over: its pool is replaced, or all pools if the server has become
 * read-only or ends sessions. The database can be used again after an outage: all pools are replaced. A pool has no
 * connection for two seconds: that pool is replaced.
 *
 * <p>{@link #broken} and {@link #deadPool} may be called by any thread, the rest by the thread of the watch.
 */
final class PoolRenewal {
    private static final Logger log = LoggerFactory.getLogger(PoolRenewal.class);

    /** Shortest time between two renewals because of broken connections. */
    private static final Duration PAUSE = Duration.ofSeconds(1);

    /** Time without a connection after which a pool is replaced. */
    private static final Duration EMPTY_TIMEOUT = Duration.ofSeconds(2);

    private final Pools pools;
    private final Set<Pool> suspects = ConcurrentHashMap.newKeySet();
    private final Map<Pool, Long> emptySince = new HashMap<>();
    private volatile boolean isServerSuspect;
    private volatile @Nullable String deadPool;
    private long renewedNanos = System.nanoTime() - PAUSE.toNanos();

    PoolRenewal(Pools pools) {
        this.pools = pools;
    }

    /** A connection has reported that its session is over. */
    void broken(Pool pool, SQLException reason, DatabaseWatch watch) {
        if (SessionFailures.isServerGone(reason.getSQLState())) {
            isServerSuspect = true;
            watch.lookAgain();
        } else if (suspects.add(pool)) {
            watch.look();
        }
    }

    void renewAll(String reason) {
        renewedNanos = System.nanoTime();
        isServerSuspect = false;
        suspects.clear();
        log.info("All pools are replaced reason={}", reason);
        pools.all().forEach(pools::replace);
    }

    /** Replaces pools with broken connections. */
    void renewSuspects() {
        if (System.nanoTime() - renewedNanos < PAUSE.toNanos()) {
            return;
        }
        if (isServerSuspect) {
            renewAll("the server ends sessions or only reads");
            return;
        }
        for (Pool pool : List.copyOf(suspects)) {
            suspects.remove(pool);
            renewedNanos = System.nanoTime();
            log.info("A connection broke, so its pool is replaced pool={}", pool.name());
            pools.replace(pool);
        }
    }

    /** Replaces pools that have no connection although the watch has one. */
    void replaceEmpty() {
        long now = System.nanoTime();
        String dead = null;
        for (Pool pool : pools.all()) {
            if (!pool.isEmpty()) {
                emptySince.remove(pool);
                continue;
            }
            Long since = emptySince.putIfAbsent(pool, now);
            if (since == null || now - since < EMPTY_TIMEOUT.toNanos()) {
                continue;
            }
            SQLException reason = whyEmpty(pool);
            emptySince.remove(pool);
            if (reason != null) {
                dead = reason.getMessage();
            }
            if (reason != null && !SessionFailures.TOO_MANY_CONNECTIONS.equals(reason.getSQLState())) {
                log.warn(
                        "A pool has no connection although the database can be reached; it is replaced"
                                + " pool={} reason={}",
                        pool.name(),
                        dead,
                        reason);
                pools.replace(pool);
            }
        }
        if (dead != null || emptySince.isEmpty()) {
            deadPool = dead;
        }
    }

    private static @Nullable SQLException whyEmpty(Pool pool) {
        try {
            pool.getConnection().close();
            return null;
        } catch (SQLException e) {
            return e;
        }
    }

    /** Returns why a pool has no connection; null if each has one or needs none. */
    @Nullable
    String deadPool() {
        return deadPool;
    }
}
