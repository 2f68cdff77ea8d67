package dev.sluice.bridge;

import dev.sluice.bridge.api.Backend;
import dev.sluice.bridge.api.HttpService;
import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.api.messages.DataPath;
import dev.sluice.bridge.config.AdministrationSettings;
import dev.sluice.bridge.config.BridgeConfig;
import dev.sluice.bridge.config.DataSettings;
import dev.sluice.bridge.config.ListenAddress;
import dev.sluice.bridge.config.PopSettings;
import dev.sluice.bridge.drain.BufferDetail;
import dev.sluice.bridge.drain.Destination;
import dev.sluice.bridge.drain.Drain;
import dev.sluice.bridge.drain.DrainStatus;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.ZstdLibrary;
import dev.sluice.bridge.ingest.Admission;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.bridge.jobs.Housekeeping;
import dev.sluice.bridge.jobs.Maintenance;
import dev.sluice.bridge.jobs.ScheduledRelease;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.MetricsFlush;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.metrics.RetentionCounts;
import dev.sluice.bridge.pop.AcknowledgeDispatcher;
import dev.sluice.bridge.pop.PopDispatcher;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.bridge.postgres.GatedConnections;
import dev.sluice.bridge.postgres.LocalPostgres;
import dev.sluice.bridge.postgres.WriteProbe;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.repositories.Repositories;
import dev.sluice.bridge.repositories.RepositorySettings;
import dev.sluice.bridge.system.DataDirectory;
import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.OwnFiles;
import dev.sluice.bridge.system.Shell;
import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.buffer.DirectoryLockedException;
import dev.sluice.buffer.LogStatus;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Message;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.PushRule;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.SharedSwitches;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.sql.WriteTest;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.QueueOverview;
import dev.sluice.queue.view.Traces;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.WakeUps;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running service: the wiring diagram, as code. Parts are started from the data towards the client and closed in
 * reverse.
 *
 * <pre>
 *  HttpService ──▶ Admission, Intake ──▶ Lanes ◀── Drain ──▶ PostgreSQL ◀── Queue ◀── PopDispatcher, AcknowledgeDispatcher ◀── HttpService
 *                    ▲                    │ wakes                              ▲
 *                    └── what became of ──┴────────────────────────────────────┘
 * </pre>
 */
final class Bridge implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Bridge.class);

    private static final Duration LONGEST_SCHEMA_PAUSE = Duration.ofSeconds(5);
    /** A push is let through to a log that failed, to find out whether it still does: nothing else would tell. */
    private static final Duration RETRY_APPENDS_AFTER = Duration.ofSeconds(5);

    private static final PopResult NO_MESSAGES = new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null);

    /** How long the probe of writes waits for an answer before it gives up its connection. */
    private static final Duration PROBE_ANSWER_TIMEOUT = Duration.ofSeconds(10);

    private static final Duration FIRST_SCHEMA_PAUSE = Duration.ofMillis(200);

    /** What to close, last opened first. */
    private final Deque<Closeable> open = new ArrayDeque<>();

    private final CountDownLatch ended = new CountDownLatch(1);
    private final BooleanSupplier calledOff;
    private final Duration shutdownTimeout;
    private final ListenAddress listens;
    private final DataDirectory data;
    private final @Nullable LocalPostgres postgres;
    private final Database database;
    private final WriteProbe writes;
    private final Lanes lanes;
    private final FailedRecords failed;
    private final Intake intake;
    private final Admission door;
    private final Drain drain;
    private final HttpService http;
    private volatile boolean stopping;
    private volatile boolean schemaReady;
    private volatile long left;
    private boolean closed;

    /**
     * Starts the service; returns when it serves.
     *
     * @param progress told, line by line, what takes long
     * @param calledOff asked between the steps: whether to give up
     * @throws StartException if it cannot, or is called off; everything opened is closed again
     */
    static Bridge start(BridgeConfig config, Consumer<String> progress, BooleanSupplier calledOff)
            throws StartException {
        new ListenAddress(config.http().host(), config.http().port()).refuseUnusable();
        return new Bridge(config, progress, calledOff);
    }

    private Bridge(BridgeConfig given, Consumer<String> progress, BooleanSupplier calledOff) throws StartException {
        this.calledOff = calledOff;
        shutdownTimeout = given.stop().timeout();
        listens = new ListenAddress(given.http().host(), given.http().port());
        boolean complete = false;
        try {
            data = opened(DataDirectory.take(given.data().directory()));
            Path logDirectory = given.data().log().directory();
            DataDirectory.requireWritable(DataSettings.BUFFER_DIR, logDirectory);
            OwnFiles.tryToKeepLogs(logDirectory);
            ZstdLibrary.load(ScratchDirectory.prepare(data.path()));
            BridgeConfig config =
                    given.postgres().server().isEmpty() && !given.cipher().hasKey()
                            ? given.withEncryptionKeys(LocalKey.in(data.path()))
                            : given;

            Database.Address address;
            if (config.postgres().server().isPresent()) {
                postgres = null;
                address = config.postgres().server().get();
            } else {
                int port = config.postgres().port();
                postgres = opened(LocalPostgres.start(data.path().resolve("postgres"), port, progress));
                address = postgres.address();
            }
            PopSettings popSettings = config.pop();
            AdministrationSettings administrationSettings = config.administration();
            boolean toKafka = config.drain().toKafka();
            database = opened(new Database(
                    address,
                    popSettings.dispatcher().threads() + popSettings.acknowledgeThreads(),
                    popSettings.statementTimeout(),
                    administrationSettings.writers() + administrationSettings.readers(),
                    administrationSettings.transactions() + administrationSettings.directPushes(),
                    toKafka ? 0 : config.data().lanes()));
            openSchema(config, address);
            String schema = config.postgres().schema();
            writes = opened(new WriteProbe(
                    database.direct(WriteProbe.NAME, PROBE_ANSWER_TIMEOUT),
                    new WriteTest(schema),
                    () -> schemaReady && database.isConnected()));
            DataSource consumers = new GatedConnections(database.consumers(), this::requireWrites);
            DataSource control = new GatedConnections(database.control(), this::requireWrites);

            Destination destination = toKafka ? Destination.kafka(config.kafka()) : Destination.postgres();
            lanes = Lanes.open(
                    logDirectory, config.data().lanes(), config.data().log(), destination.name());
            open.push(lanes);
            failed = FailedRecords.open(logDirectory);
            open.push(failed);
            intake = opened(new Intake(
                    lanes, config.drain().storedTimeout(), toKafka ? Durability.BUFFERED : Durability.STORED));
            var rules = new PushRule.Reader(control, schema);
            door = opened(new Admission(intake, config.cipher(), () -> {
                requireDatabase();
                return rules.read();
            }));
            door.start();

            var queue = new Queue(consumers, config.queue());
            var maintenance = opened(new Maintenance(new SharedSwitches(control, schema), this::requireDatabase));
            var pops = new PopDispatcher(
                    (target, requests) -> {
                        if (maintenance.pops()) {
                            return Collections.nCopies(requests.size(), NO_MESSAGES);
                        }
                        requireWrites();
                        return queue.pop(target, requests);
                    },
                    queue::outcomeOf,
                    queues -> {
                        requireDatabase();
                        return queue.namespaces(queues);
                    },
                    (target, result) -> giveBack(queue, target, result),
                    popSettings.dispatcher());
            database.whenItAnswersAgain(pops::databaseAnswers);
            var metrics = new Metrics(config.metrics().maxQueues(), new ProcessUsage(database::usage, pops::waiting));
            var wakeUps = opened(new WakeUps(control, schema, pops::wake));
            wakeUps.start();
            database.whenRenewed(wakeUps::renew);
            Consumer<Set<String>> pushed = queues -> {
                queues.forEach(pops::wake);
                wakeUps.tell(queues);
            };
            drain = new Drain(lanes, intake, failed, config.drainInto(address), pushed, destination);
            drain.whenRefused(database::drainRefused);
            if (!toKafka) {
                drain.whenAway(() -> schemaReady && (!database.isConnected() || writes.refusal() != null));
            }
            maintenance.start(drain::hold, pops::wakeAll);
            drain.start();
            writes.start(takesWrites -> {
                drain.block(!takesWrites && !toKafka);
                if (takesWrites) {
                    pops.databaseAnswers();
                }
            });
            open.push(() -> left = drain.stop(shutdownTimeout).undrained());

            var due = opened(new ScheduledRelease(new QueueWriter(control, config.smallWriter()), pushed));
            due.start();
            database.whenRenewed(due::renew);
            DataSource background = new GatedConnections(database.housekeeping(), this::requireWrites);
            var housekeeping = opened(new Housekeeping(
                    new Retention(
                            background,
                            schema,
                            config.retention().idlePartitions(),
                            new RetentionCounts(metrics.counters())),
                    new MinuteCounters(background, schema),
                    new Traces(background, schema, config.cipher()),
                    config.retention().metricsDays(),
                    config.retention().interval()));
            housekeeping.start();

            var acknowledgements = opened(new AcknowledgeDispatcher(
                    batch -> {
                        requireWrites();
                        return queue.acknowledge(batch);
                    },
                    pops::wake,
                    popSettings.acknowledgeThreads(),
                    popSettings.maxPendingAcknowledgements()));
            var repositorySettings = new RepositorySettings(
                    administrationSettings.writers(),
                    administrationSettings.readers(),
                    administrationSettings.listMax(),
                    administrationSettings.transactions(),
                    administrationSettings.directPushes(),
                    config.queue(),
                    config.smallWriter());
            var executor = opened(new DatabaseExecutor(repositorySettings, this::requireDatabase, this::requireWrites));
            var repositories = Repositories.over(
                    new GatedConnections(database.administration(), this::requireWrites),
                    repositorySettings,
                    door::refresh);
            var flush = opened(new MetricsFlush(
                    metrics,
                    new MinuteCounters(control, schema),
                    new QueueOverview(control, schema),
                    config.metrics().maxQueues(),
                    this::requireWrites));
            http = new HttpService(
                    config.http(),
                    new Backend(
                            DataPath.of(door, pops, acknowledgements),
                            failed,
                            repositorySettings,
                            repositories,
                            executor,
                            new GatedConnections(database.writers(), this::requireWrites),
                            database.copies(),
                            this::requireWrites,
                            pushed,
                            metrics,
                            maintenance,
                            new State(),
                            version()));
            open.push(http::close);
            open.push(pops::close); // Those who wait are answered before the server closes.
            http.start();
            flush.start(ProcessUsage.hostName() + ":" + http.port());
            complete = true;
            open.push(new ShutdownGrace(config.stop().grace()));
            log.info("Serving requests host={} port={} data={}", listens.host(), http.port(), data.path());
        } catch (DirectoryLockedException e) {
            throw new StartException(e.getMessage() + "; stop it, or set another data.dir or buffer.dir", e);
        } catch (BindException e) {
            throw new StartException(String.valueOf(e.getMessage()), e);
        } catch (IOException e) {
            throw noLog(given, e);
        } catch (UncheckedIOException e) {
            throw noLog(given, e.getCause());
        } finally {
            if (!complete) {
                close();
            }
        }
    }

    private static StartException noLog(BridgeConfig config, IOException e) {
        return new StartException(
                "the local log in " + config.data().log().directory() + " (buffer.dir) cannot be opened: "
                        + FileProblem.of(e),
                e);
    }

    private <T extends AutoCloseable> T opened(T part) throws StartException {
        open.push(() -> {
            try {
                part.close();
            } catch (IOException | RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IOException(e);
            }
        });
        if (calledOff.getAsBoolean()) {
            throw new StartException("stopped before it served");
        }
        return part;
    }

    /** Opens the schema now if the server answers, else as soon as it does: pushes are taken meanwhile. */
    private void openSchema(BridgeConfig config, Database.Address address) throws StartException {
        String schema = config.postgres().schema();
        boolean apply = config.postgres().appliesSchema();
        try {
            database.open(schema, apply);
            schemaReady = true;
        } catch (QueueException e) {
            log.warn(
                    "The schema cannot be opened yet, pushes are kept in the local log url={} reason={}",
                    address,
                    e.getMessage());
            Threads.daemon("sluice-schema", () -> keepOpening(schema, apply)).start();
        }
    }

    private void keepOpening(String schema, boolean apply) {
        Duration pause = FIRST_SCHEMA_PAUSE;
        String lastError = "";
        while (!stopping) {
            try {
                Thread.sleep(pause.toMillis());
                database.open(schema, apply);
                schemaReady = true;
                log.info("The database answers, its schema is ready. schema={}", schema);
                return;
            } catch (StartException e) {
                if (!lastError.equals(e.getMessage())) {
                    log.error("The database cannot be used: {}", e.getMessage());
                    lastError = e.getMessage();
                }
            } catch (QueueException e) {
                if (!lastError.equals(e.getMessage())) {
                    log.warn("The schema still cannot be opened reason={}", e.getMessage());
                    lastError = String.valueOf(e.getMessage());
                }
            } catch (RuntimeException | Error e) {
                log.error("The schema could not be opened, it is tried again", e);
            } catch (InterruptedException e) {
                return;
            }
            pause = pause.multipliedBy(2).compareTo(LONGEST_SCHEMA_PAUSE) < 0
                    ? pause.multipliedBy(2)
                    : LONGEST_SCHEMA_PAUSE;
        }
    }

    /** Fails at once while the database is known to be away, instead of waiting for a connection. */
    private void requireDatabase() {
        if (!schemaReady || !database.isConnected()) {
            String reason = database.problem();
            throw new QueueException(
                    "could not use the queue",
                    new SQLException(reason == null ? "its schema is not ready yet" : reason, "08001"));
        }
    }

    /** Fails at once while the database is away or takes no writes: nobody can take back a commit that hangs. */
    private void requireWrites() {
        requireDatabase();
        String refusal = writes.refusal();
        if (refusal != null) {
            throw new QueueException("could not write", new SQLException(refusal, "57P03"));
        }
    }

    /**
     * Gives back messages that reached nobody: ends their leases, as if their consumer had asked for them again, and
     * puts the position back before those that were popped with auto-ack.
     */
    private static void giveBack(Queue queue, PopTarget target, PopResult result) {
        if (result.leaseId() == null) {
            int back = queue.putBack(target.group(), result.messages());
            log.info(
                    "Messages popped with auto-ack reached nobody and were put back target={} popped={} back={}",
                    target,
                    result.messages().size(),
                    back);
            return;
        }
        Map<Long, Acknowledgement> onePerPartition = new LinkedHashMap<>();
        for (Message message : result.messages()) {
            onePerPartition.putIfAbsent(
                    message.partitionId(),
                    new Acknowledgement(
                            target.group(),
                            message.partitionId(),
                            message.transactionId(),
                            result.leaseId(),
                            Acknowledgement.Verdict.RETRY,
                            null));
        }
        queue.acknowledge(List.copyOf(onePerPartition.values()));
    }

    private static String version() {
        String version = Bridge.class.getPackage().getImplementationVersion();
        return version == null ? "unreleased" : version;
    }

    private final class State implements ServiceState {
        @Override
        public boolean databaseConnected() {
            return databaseProblem() == null;
        }

        @Override
        public @Nullable String databaseProblem() {
            String problem = database.problem();
            return problem == null ? writes.refusal() : problem;
        }

        @Override
        public @Nullable String pushRefusal() {
            if (stopping) {
                return "stopping";
            }
            for (LogStatus status : lanes.status()) {
                if (status.full()) {
                    return "the local log is full";
                }
                if (status.appendsFail(RETRY_APPENDS_AFTER)) {
                    return "the local log cannot be written";
                }
            }
            return null;
        }

        @Override
        public Buffer buffer() {
            long pending = 0;
            long used = 0;
            long limit = 0;
            boolean full = false;
            Duration oldest = Duration.ZERO;
            for (LogStatus status : lanes.status()) {
                pending += status.uncommittedEntries();
                used += status.usedBytes();
                limit += status.limitBytes();
                full |= status.full();
                Duration age = status.oldestUncommittedAge().orElse(Duration.ZERO);
                oldest = age.compareTo(oldest) > 0 ? age : oldest;
            }
            return new Buffer(pending, failed.count(), used, limit, full, oldest, drainState());
        }

        @Override
        public BufferDetail bufferDetail() throws IOException {
            return BufferDetail.of(lanes, drain, intake, door, failed);
        }

        private String drainState() {
            List<DrainStatus.State> states =
                    drain.status().lanes().stream().map(DrainStatus.Lane::state).toList();
            for (var worst : List.of(
                    DrainStatus.State.SOURCE_TAKEN,
                    DrainStatus.State.BROKEN,
                    DrainStatus.State.HOLDING,
                    DrainStatus.State.DOWN,
                    DrainStatus.State.PAUSED)) {
                if (states.contains(worst)) {
                    return worst.name().toLowerCase(Locale.ROOT);
                }
            }
            return "running";
        }
    }

    /** Returns the port of the HTTP server. */
    int port() {
        return http.port();
    }

    /** Returns what it serves. */
    List<Route> routes() {
        return http.routes();
    }

    /** Returns the address of the service for a client on this machine. */
    String url() {
        return listens.url(http.port());
    }

    /** Returns what somebody who has just started the service wants to know, as lines of text. */
    String introduction() {
        String psql = postgres == null ? "" : "\nLook at it:    " + postgres.psqlCommand();
        return """

                Sluice %s serves on %s, data in %s

                Push:  curl -s %s -d '{"items":[{"queue":"hello","payload":{"text":"first light"}}]}'
                Pop:   curl -s '%s/api/v1/pop/queue/hello?autoAck=true'
                %s
                Ctrl-C stops it.""".formatted(version(), url(), data.path(), Shell.quoted(url() + "/api/v1/push"), url(), psql.strip());
    }

    /** Waits until the service is closed. */
    void awaitEnd() throws InterruptedException {
        ended.await();
    }

    /** Returns how many messages were still in the local log at the end; they are moved on after the next start. */
    long leftInLog() {
        return left;
    }

    /**
     * Stops: not ready any more, but serving for the shutdown grace; then waiting pops answered, requests under way
     * finished, the log drained for the shutdown timeout and synced, connections closed, PostgreSQL stopped. Does
     * nothing the second time.
     */
    @Override
    public synchronized void close() {
        stopping = true;
        if (closed) {
            return;
        }
        closed = true;
        while (!open.isEmpty()) {
            try {
                open.pop().close();
            } catch (IOException | RuntimeException e) {
                log.error("A part of the service did not close as it should", e);
            }
        }
        ended.countDown();
    }
}
