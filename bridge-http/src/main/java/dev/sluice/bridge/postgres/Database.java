package dev.sluice.bridge.postgres;

import com.zaxxer.hikari.HikariPoolMXBean;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.SessionFailures;
import dev.sluice.queue.sql.ConnectionUrl;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.SessionSettings;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections to PostgreSQL that are not the drain's, in pools that cannot starve each other, and the knowledge
 * whether the database can be used ({@link DatabaseWatch}).
 *
 * <p>Three things end a pool's connections before their time. A connection that reports that its session is over takes
 * its pool with it, and all pools if the server has become read-only or ends sessions. When the database can be used
 * again after an outage, all connections are replaced. A pool without a connection, while the watch reaches the server,
 * is replaced as a whole.
 *
 * <p>The drain comes first: the pools share the connections that the limits of role, database and server leave beside
 * the drain's.
 */
public final class Database implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Database.class);

    private static final int ANSWER_SECONDS = 2;
    /** One listens to other bridges, one serves scheduled messages, and four serve short tasks. */
    private static final int CONTROL_CONNECTIONS = 6;
    /**
     * One each for the watch, the probe of writes and housekeeping. One is spare: for copies, and for a lane that
     * checks the schema on two connections.
     */
    private static final int OTHER_CONNECTIONS = 4;

    /** Longest time of a statement of a request. The bridge answers the request within 9 s, whatever it waits for. */
    private static final Duration REQUEST_STATEMENT_TIMEOUT = Duration.ofSeconds(7);

    /** Longest wait for the answer to a statement of a request, or to its commit. */
    private static final Duration REQUEST_ANSWER_TIMEOUT = Duration.ofSeconds(8);

    /** Longest wait for the answer to a statement that nobody waits for: retention, a copy, a migration. */
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(30);

    /** Time between two renewals of the same pool for the same kind of reason. */
    private static final Duration RENEWAL_PAUSE = Duration.ofSeconds(1);

    /** How long a pool may be empty, while the server can be reached, before it is replaced. */
    private static final Duration EMPTY_PATIENCE = Duration.ofSeconds(2);

    /** How long a refused drain counts for health, and how long smaller pools stay before they may grow. */
    private static final Duration REFUSED_PATIENCE = Duration.ofSeconds(5);

    private static final Duration REFUSAL_REPORT_INTERVAL = Duration.ofSeconds(60);

    private static final Duration LIMIT_INTERVAL = Duration.ofSeconds(60);

    /**
     * Where the server is.
     *
     * @param url JDBC address
     * @param user user, or null for what the address says
     * @param password password, or null
     */
    public record Address(
            String url, @Nullable String user, @Nullable String password) {
        /** Returns the address for the driver. It holds no secret. */
        public String driverUrl() {
            return ConnectionUrl.parse(url).address();
        }

        /** Returns what the driver needs beside the address: user, password and other secrets. */
        Properties secrets() {
            return ConnectionUrl.parse(url).secrets(user, password);
        }

        /** Shows no password. */
        @Override
        public String toString() {
            return ConnectionUrl.shown(url);
        }
    }

    /** What the watch asks every second, on a connection of its own: whether the database can be used. */
    public interface Probe {
        /** Returns if the database can be used. Otherwise throws the exception of the server or the driver. */
        void ask(Connection connection) throws SQLException;
    }

    /** Ends pools that were replaced. */
    private static final Executor BACKGROUND =
            task -> Threads.daemon("sluice-old-pool", task).start();

    private final Pool consumers;
    private final Pool administration;
    private final Pool writers;
    private final Pool control;
    private final Pool housekeeping;
    private final Pool copies;
    private final Address address;
    private final DataSource direct;
    private final DatabaseWatch watch;
    private final PoolSizes wanted;
    private final int drainConnections;
    private final List<Runnable> renewals = new CopyOnWriteArrayList<>();
    private final Set<Pool> suspects = ConcurrentHashMap.newKeySet();
    private final Map<Pool, Long> emptySince = new HashMap<>();
    private volatile PoolSizes sizes = PoolSizes.least();
    private volatile Runnable answersAgain = () -> {};
    private volatile boolean isServerSuspect;
    private volatile boolean isLimitSuspect;
    private volatile long drainRefusedNanos;
    private volatile @Nullable String drainRefusal;
    private volatile @Nullable String deadPool;
    private volatile boolean closing;
    private long renewedNanos = System.nanoTime() - RENEWAL_PAUSE.toNanos();
    private long limitReadNanos;
    private long refusalReportedNanos = System.nanoTime() - REFUSAL_REPORT_INTERVAL.toNanos();
    private String reportedLimit = "";

    /**
     * Makes the pools. Does not wait for the server; until {@link #open} they are small and empty.
     *
     * @param consumerConnections connections for pops and acknowledgements
     * @param consumerTimeout how long a statement on them may take
     * @param administrationConnections connections for the routes of administration
     * @param writerConnections connections for transactions and direct pushes
     * @param drainConnections connections that the drain opens itself, and that come first
     */
    public Database(
            Address address,
            int consumerConnections,
            Duration consumerTimeout,
            int administrationConnections,
            int writerConnections,
            int drainConnections) {
        this.wanted =
                new PoolSizes(consumerConnections, administrationConnections, writerConnections, CONTROL_CONNECTIONS);
        this.drainConnections = drainConnections;
        this.address = address;
        PoolSizes least = PoolSizes.least();
        consumers =
                pool(address, "sluice-consumers", least.consumers(), consumerTimeout, consumerTimeout.plusSeconds(2));
        administration = pool(
                address,
                "sluice-administration",
                SessionSettings::beginForLists,
                least.administration(),
                REQUEST_STATEMENT_TIMEOUT,
                REQUEST_ANSWER_TIMEOUT);
        writers = pool(address, "sluice-writers", least.writers(), REQUEST_STATEMENT_TIMEOUT, REQUEST_ANSWER_TIMEOUT);
        control = pool(address, "sluice-control", least.control(), Duration.ZERO, REQUEST_ANSWER_TIMEOUT);
        housekeeping = pool(address, "sluice-housekeeping", 1, Duration.ZERO, ANSWER_TIMEOUT);
        copies = pool(address, "sluice-copies", 1, Duration.ZERO, ANSWER_TIMEOUT);
        Duration answer = Duration.ofSeconds(ANSWER_SECONDS);
        direct = direct("sluice-start", Duration.ofSeconds(DirectConnections.LOGIN_SECONDS));
        watch = new DatabaseWatch(direct("sluice-watch", answer), Database::requireWritable, new Watched());
    }

    private Pool pool(Address address, String name, int size, Duration statementTimeout, Duration answerTimeout) {
        return pool(address, name, SessionSettings::begin, size, statementTimeout, answerTimeout);
    }

    private Pool pool(
            Address address,
            String name,
            DirectConnections.SessionStart start,
            int size,
            Duration statementTimeout,
            Duration answerTimeout) {
        var source = new DirectConnections(address, name, start, statementTimeout, answerTimeout, this::refused);
        return new Pool(name, source, size, this::suspect);
    }

    /** The default question of the watch: does the server answer, and is it no standby? */
    private static void requireWritable(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select pg_is_in_recovery()")) {
            row.next();
            if (row.getBoolean(1)) {
                throw new SQLException("the server is a standby, which only reads", "25006");
            }
        }
    }

    /**
     * Brings the schema up to date, or checks it, fits the pools into what the server allows, and begins to watch the
     * server. Waits for no pool.
     *
     * @param apply whether to change anything
     * @throws StartException if the server does not let us in, has no such database, or has a schema that is not ours
     *     to use or cannot be brought up to date
     * @throws QueueException if the server cannot be reached now
     */
    public void open(String schema, boolean apply) throws StartException {
        try {
            openSchema(schema, apply);
            fit();
            watch.start();
        } catch (IllegalStateException e) {
            throw new StartException(String.valueOf(e.getMessage()), e);
        } catch (QueueException e) {
            String refusal = refusal(e);
            if (refusal != null) {
                throw new StartException("the database does not let us in: " + refusal, e);
            }
            if (!e.isTransient()) {
                throw new StartException(String.valueOf(e.getMessage()), e); // As a migration that fails.
            }
            throw e;
        }
    }

    /** Only the statements of a migration, on tables that hold something, may take longer than a login. */
    private void openSchema(String schema, boolean apply) {
        if (!apply) {
            QueueSchema.verify(direct, schema);
            return;
        }
        int found = QueueSchema.installed(direct, schema);
        boolean mayTakeLong = found != 0 && found != QueueSchema.version();
        QueueSchema.apply(mayTakeLong ? direct("sluice-start", ANSWER_TIMEOUT) : direct, schema);
    }

    private void fit() {
        try (Connection connection = direct.getConnection()) {
            fit(connection, open() + 1);
        } catch (SQLException e) {
            throw new QueueException("could not ask PostgreSQL how many connections it allows", e);
        }
    }

    /** Returns what the server says of a wrong password, a missing database or right: trying again does not help. */
    private static @Nullable String refusal(QueueException e) {
        String refusal = null;
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            String state = cause instanceof SQLException sql ? sql.getSQLState() : null;
            if (state != null && (state.startsWith("28") || state.equals("3D000") || state.equals("42501"))) {
                refusal = cause.getMessage(); // The innermost is the server's own.
            }
        }
        return refusal;
    }

    /**
     * Fits the pools into the connections that the drain leaves. Logs it if the pools become smaller than configured.
     *
     * @param ours how many connections we have now
     */
    private void fit(Connection connection, int ours) throws SQLException {
        isLimitSuspect = false;
        limitReadNanos = System.nanoTime();
        ConnectionLimit limit = ConnectionLimit.read(connection, ours);
        report(limit);
        resize(wanted.within(limit.room() - reserved()));
    }

    /** Connections that are not the pools'. */
    private int reserved() {
        return drainConnections + OTHER_CONNECTIONS;
    }

    private int open() {
        return pools().stream()
                .mapToInt(pool -> pool.state().getTotalConnections())
                .sum();
    }

    private void report(ConnectionLimit limit) {
        int all = wanted.total() + reserved();
        int least = PoolSizes.least().total() + reserved();
        String now = limit.room() >= all ? "" : limit.what() + " " + limit.room();
        if (now.equals(reportedLimit)) {
            return;
        }
        reportedLimit = now;
        if (limit.room() >= all) {
            log.info("PostgreSQL allows as many connections as are wanted wanted={}", all);
        } else if (limit.room() >= least) {
            log.warn(
                    "PostgreSQL allows fewer connections than are wanted; the pools are smaller and the drain comes first;"
                            + " raise the limit, or set fewer connections wanted={} least={} allowed={} limit={}",
                    all,
                    least,
                    limit.room(),
                    limit.what());
        } else {
            log.error(
                    "PostgreSQL allows fewer connections than are needed; requests and the drain will fail; raise the limit"
                            + " wanted={} least={} allowed={} limit={}",
                    all,
                    least,
                    limit.room(),
                    limit.what());
        }
    }

    private synchronized void resize(PoolSizes now) {
        sizes = now;
        resize(consumers, now.consumers());
        resize(writers, now.writers());
        resize(administration, now.administration());
        resize(control, now.control());
    }

    private void resize(Pool pool, int size) {
        if (pool.size() != size || !pool.isEager()) {
            replace(pool, size);
        }
    }

    private void replace(Pool pool, int size) {
        if (closing) {
            return;
        }
        boolean isKept = pool != copies && pool != housekeeping; // They are hardly ever used.
        pool.replace(size, isKept, BACKGROUND);
        renewals.forEach(Runnable::run); // Some keep their connection.
    }

    /** A connection of a pool has reported that its session is over. */
    private void suspect(Pool pool, SQLException reason) {
        if (SessionFailures.isServerGone(reason.getSQLState())) {
            isServerSuspect = true;
            watch.lookAgain();
        } else if (suspects.add(pool)) {
            watch.look();
        }
    }

    /** PostgreSQL refused a connection to a pool or to the watch. */
    private void refused(SQLException reason) {
        makeRoom("a pool", SessionFailures.reason(reason));
    }

    /**
     * PostgreSQL refused a connection to the drain. The pools make room, and health reports it until the drain has its
     * connection.
     */
    public void drainRefused(String reason) {
        drainRefusal = "the drain gets no connection: " + reason;
        drainRefusedNanos = System.nanoTime();
        makeRoom("the drain", reason);
    }

    private synchronized void makeRoom(String forWhom, String reason) {
        if (isLimitSuspect) {
            return;
        }
        isLimitSuspect = true;
        watch.look();
        long now = System.nanoTime();
        if (now - refusalReportedNanos > REFUSAL_REPORT_INTERVAL.toNanos()) {
            refusalReportedNanos = now;
            log.warn(
                    "PostgreSQL refused a connection, so the pools make room for the drain for={} wanted={} reason={}",
                    forWhom,
                    wanted.total() + reserved(),
                    reason);
        }
    }

    /** What the bridge does when the watch reports a change. */
    private final class Watched implements DatabaseWatch.Listener {
        @Override
        public void answersAgain() {
            renewAll("the database could not be used");
            answersAgain.run();
        }

        @Override
        public void answered(Connection connection) throws SQLException {
            renewSuspects();
            replaceEmpty();
            long sinceLimit = System.nanoTime() - limitReadNanos;
            boolean mayGrow = !sizes.equals(wanted) && sinceLimit > LIMIT_INTERVAL.toNanos();
            if (mayGrow || (isLimitSuspect && sinceLimit > RENEWAL_PAUSE.toNanos())) {
                fit(connection, open() + drainConnections + 1);
            }
        }

        @Override
        public void refused(SQLException reason) {
            Database.this.refused(reason);
            // What is open now is all there is; one of it must go to the watch, which will read the limits.
            resize(sizes.within(open() - 1));
        }
    }

    private void renewSuspects() {
        if (System.nanoTime() - renewedNanos < RENEWAL_PAUSE.toNanos()) {
            return;
        }
        if (isServerSuspect) {
            isServerSuspect = false;
            renewAll("the server ends sessions or only reads");
            return;
        }
        for (Pool pool : List.copyOf(suspects)) {
            suspects.remove(pool);
            renewedNanos = System.nanoTime();
            log.info("A connection broke, so its pool is replaced pool={}", pool.name());
            replace(pool, pool.size());
        }
    }

    private void renewAll(String reason) {
        renewedNanos = System.nanoTime();
        isServerSuspect = false;
        suspects.clear();
        log.info("All pools are replaced reason={}", reason);
        pools().forEach(pool -> replace(pool, pool.size()));
    }

    /** Replaces pools that have no connection although the watch has one. */
    private void replaceEmpty() {
        long now = System.nanoTime();
        String dead = null;
        for (Pool pool : pools()) {
            if (!pool.isEmpty()) {
                emptySince.remove(pool);
                continue;
            }
            Long since = emptySince.putIfAbsent(pool, now);
            if (since == null || now - since < EMPTY_PATIENCE.toNanos()) {
                continue;
            }
            SQLException reason = whyEmpty(pool);
            emptySince.remove(pool);
            if (reason != null) {
                dead = reason.getMessage();
            }
            if (reason != null && !SessionFailures.TOO_MANY_CONNECTIONS.equals(reason.getSQLState())) {
                log.warn(
                        "A pool has no connection although the database can be reached; it is replaced pool={} reason={}",
                        pool.name(),
                        dead,
                        reason);
                replace(pool, pool.size());
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

    private List<Pool> pools() {
        return List.of(consumers, administration, writers, control, housekeeping, copies);
    }

    /** Returns the pool for pops and acknowledgements. */
    public DataSource consumers() {
        return consumers;
    }

    /** Returns the pool for the routes of administration. */
    public DataSource administration() {
        return administration;
    }

    /** Returns the pool for transactions and direct pushes. */
    public DataSource writers() {
        return writers;
    }

    /** Returns the pool for what runs beside the requests. */
    public DataSource control() {
        return control;
    }

    /**
     * Returns the pool for what deletes and counts, whose statements may take long: one connection, opened when it is
     * asked for.
     */
    public DataSource housekeeping() {
        return housekeeping;
    }

    /** Returns the pool for copying everything into another database: one connection, opened when it is asked for. */
    public DataSource copies() {
        return copies;
    }

    /**
     * Returns where connections outside the pools come from.
     *
     * @param name what PostgreSQL shows as their name
     * @param answerTimeout longest time to wait for an answer
     */
    public DataSource direct(String name, Duration answerTimeout) {
        return new DirectConnections(
                address, name, SessionSettings::begin, Duration.ZERO, answerTimeout, refusal -> {});
    }

    /** Returns how the connections of all pools are used now. */
    public ProcessUsage.Pool usage() {
        int size = 0;
        int idle = 0;
        int active = 0;
        int waiting = 0;
        for (Pool pool : pools()) {
            HikariPoolMXBean state = pool.state();
            size += state.getTotalConnections();
            idle += state.getIdleConnections();
            active += state.getActiveConnections();
            waiting += state.getThreadsAwaitingConnection();
        }
        return new ProcessUsage.Pool(size, idle, active, waiting);
    }

    /** Sets what is run when the server answers after it did not, and there are connections. */
    public void whenItAnswersAgain(Runnable listener) {
        answersAgain = listener;
    }

    /**
     * Adds a callback for the replacement of connections. A holder of a long-lived connection uses it to give the
     * connection back.
     */
    public void whenRenewed(Runnable listener) {
        renewals.add(listener);
    }

    /** Sets what the watch asks, from its next question on. */
    void ask(Probe probe) {
        watch.ask(probe);
    }

    /**
     * Returns what is wrong now: the database cannot be used, the drain gets no connection, or a pool has none. Null if
     * nothing is.
     */
    @Nullable
    public String problem() {
        if (!watch.isConnected()) {
            String error = watch.lastError();
            return error == null ? "the database has not answered yet" : error;
        }
        String refusal = drainRefusal;
        if (refusal != null && System.nanoTime() - drainRefusedNanos < REFUSED_PATIENCE.toNanos()) {
            return refusal;
        }
        return deadPool;
    }

    /** Returns whether the database could be used when it was last asked; requests are not tried while it could not. */
    public boolean isConnected() {
        return watch.isConnected();
    }

    /** Closes all connections. */
    @Override
    public void close() {
        closing = true;
        watch.close();
        pools().forEach(Pool::close);
    }
}
