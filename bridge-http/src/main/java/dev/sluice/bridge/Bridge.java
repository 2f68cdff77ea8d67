package dev.sluice.bridge;

import dev.sluice.bridge.api.Backend;
import dev.sluice.bridge.api.HttpService;
import dev.sluice.bridge.api.messages.DataPath;
import dev.sluice.bridge.config.AdministrationSettings;
import dev.sluice.bridge.config.BridgeConfig;
import dev.sluice.bridge.config.DataSettings;
import dev.sluice.bridge.config.DrainSettings;
import dev.sluice.bridge.config.ListenAddress;
import dev.sluice.bridge.config.MetricsSettings;
import dev.sluice.bridge.config.PopSettings;
import dev.sluice.bridge.config.PostgresSettings;
import dev.sluice.bridge.config.RetentionSettings;
import dev.sluice.bridge.config.StopSettings;
import dev.sluice.bridge.drain.Destination;
import dev.sluice.bridge.drain.Drain;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.ZstdLibrary;
import dev.sluice.bridge.ingest.Admission;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.bridge.jobs.DeadLetterRuns;
import dev.sluice.bridge.jobs.Housekeeping;
import dev.sluice.bridge.jobs.IdIndexing;
import dev.sluice.bridge.jobs.Maintenance;
import dev.sluice.bridge.jobs.ScheduledRelease;
import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.MetricsFlush;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.metrics.RetentionCounts;
import dev.sluice.bridge.metrics.WorkMetrics;
import dev.sluice.bridge.pop.AcknowledgeDispatcher;
import dev.sluice.bridge.pop.PopDispatcher;
import dev.sluice.bridge.postgres.Availability;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.bridge.postgres.LocalPostgres;
import dev.sluice.bridge.postgres.SchemaOpener;
import dev.sluice.bridge.postgres.WriteProbe;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.repositories.Repositories;
import dev.sluice.bridge.repositories.RepositorySettings;
import dev.sluice.bridge.schedule.ScheduleService;
import dev.sluice.bridge.subscribe.Subscriptions;
import dev.sluice.bridge.system.DataDirectory;
import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.OwnFiles;
import dev.sluice.bridge.system.Shell;
import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.bridge.webhook.WebhookSender;
import dev.sluice.bridge.work.WorkService;
import dev.sluice.buffer.DirectoryLockedException;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.PushRule;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.SharedSwitches;
import dev.sluice.queue.index.IdIndexWriter;
import dev.sluice.queue.letters.DeadLetterJobRunner;
import dev.sluice.queue.letters.DeadLetterJobs;
import dev.sluice.queue.letters.ErrorGroups;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.sql.WriteTest;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.QueueOverview;
import dev.sluice.queue.view.Traces;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.WakeUps;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running service: the wiring diagram, as code. The parts are opened from the data towards the client and closed in
 * reverse.
 *
 * <pre>
 *  HttpService ──push──▶ Admission ──▶ Intake ──▶ Lanes ──▶ Drain ──▶ PostgreSQL
 *       │                                ▲                   │
 *       │                                └──── outcome ──────┤
 *       │                                                  wake
 *       │                                                    ▼
 *       └──pop, ack──▶ PopDispatcher, AcknowledgeDispatcher ──▶ QueueAccess ──▶ PostgreSQL
 *
 *  WorkService ──handlers──▶ PostgreSQL
 *  Maintenance, ScheduledRelease, Housekeeping, IdIndexing, DeadLetterRuns, MetricsFlush ──▶ PostgreSQL
 * </pre>
 */
final class Bridge implements StoppedByProcess {
    private static final Logger log = LoggerFactory.getLogger(Bridge.class);

    /** The probe of writes waits this long for an answer before it gives up its connection. */
    private static final Duration PROBE_ANSWER_TIMEOUT = Duration.ofSeconds(10);

    private final OpenParts parts;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final BridgeConfig config;
    private final ListenAddress listens;
    private final DataDirectory data;
    private final @Nullable LocalPostgres postgres;
    private final Storage storage;
    private final PushPath push;
    private final PopPath pop;
    private final HttpService http;
    private volatile boolean stopping;
    private volatile long left;

    /** The database, and whether it can be used. */
    private record Storage(Database database, Availability availability, WriteProbe writes, String schema) {
        /** A pool for short tasks beside the requests. */
        DataSource control() {
            return availability.gated(database.control());
        }
    }

    /** The way of a message into the local log. */
    private record PushPath(
            Lanes lanes, FailedRecords failed, Intake intake, Admission admission, Destination destination) {}

    /**
     * The way of a message to its consumer.
     *
     * @param work the engine that runs handlers for messages instead
     * @param endpoints copies messages to endpoints, and delivers them
     * @param arrivals spreads the news of messages
     * @param wake wakes the pops and the engine here, and those at other bridges, that wait for these queues
     */
    private record PopPath(
            QueueAccess queue,
            PopDispatcher dispatcher,
            Maintenance maintenance,
            WorkService work,
            EndpointParts endpoints,
            Arrivals arrivals,
            Consumer<Set<String>> wake) {}

    /**
     * Starts the service; returns when it serves.
     *
     * @param progress told, line by line, what takes long
     * @param calledOff asked between the steps: whether to give up
     * @throws StartException if it cannot start, or is called off; then all parts are closed again
     */
    static Bridge start(BridgeConfig config, Consumer<String> progress, BooleanSupplier calledOff)
            throws StartException {
        new ListenAddress(config.http().host(), config.http().port()).refuseUnusable();
        var parts = new OpenParts(calledOff);
        boolean complete = false;
        try {
            var bridge = new Bridge(config, progress, parts);
            complete = true;
            return bridge;
        } catch (DirectoryLockedException e) {
            throw new StartException(e.getMessage() + "; stop it, or set another data.dir or buffer.dir", e);
        } catch (BindException e) {
            throw new StartException(String.valueOf(e.getMessage()), e);
        } catch (IOException e) {
            throw noLog(config, e);
        } catch (UncheckedIOException e) {
            throw noLog(config, e.getCause());
        } finally {
            if (!complete) {
                parts.close();
            }
        }
    }

    private static StartException noLog(BridgeConfig config, IOException e) {
        return new StartException(
                "the local log in " + config.data().log().directory() + " (buffer.dir) cannot be opened: "
                        + FileProblem.of(e),
                e);
    }

    private Bridge(BridgeConfig given, Consumer<String> progress, OpenParts parts) throws StartException, IOException {
        this.parts = parts;
        StopSettings stop = given.stop();
        listens = new ListenAddress(given.http().host(), given.http().port());
        data = parts.add(DataDirectory.take(given.data().directory()));
        config = prepareDirectories(given);
        Threads.daemon("sluice-preload", HttpService::preload).start(); // The next steps wait for PostgreSQL.
        postgres = config.postgres().server().isEmpty() ? parts.add(localPostgres(progress)) : null;
        Database.Address address = postgres == null ? config.postgres().server().orElseThrow() : postgres.address();
        storage = openStorage(address);
        push = openPushPath();
        var works = new WorkMetrics(config.work().maxTypes());
        pop = openPopPath(works);
        var usage = new ProcessUsage(storage.database::usage, pop.dispatcher::waiting);
        MetricsSettings counted = config.metrics();
        var metrics = new Metrics(counted.maxQueues(), usage, works);
        Drain drain = startDrain(address);
        startJobs(metrics);
        pop.work.open();
        pop.endpoints.start();
        metrics.endpoints(pop.endpoints::counts);
        parts.onClose(pop.work::beginClose); // Its handlers end while the drain moves messages.
        Backend backend = backend(drain, metrics);
        var flush = parts.add(new MetricsFlush(
                metrics,
                new MinuteCounters(storage.control(), storage.schema),
                new QueueOverview(storage.control(), storage.schema),
                counted.maxQueues(),
                storage.availability::requireWrites));
        http = new HttpService(config.http(), backend);
        parts.onClose(http);
        parts.onClose(pop.dispatcher); // Waiting pops are answered before the server closes.
        http.start();
        flush.start(ProcessUsage.hostName() + ":" + http.port());
        parts.onClose(new ShutdownGrace(stop.grace()));
        log.info("Serving requests host={} port={} data={}", listens.host(), http.port(), data.path());
    }

    /** Returns the configuration, with a key of the data directory if the service needs one. */
    private BridgeConfig prepareDirectories(BridgeConfig given) throws StartException {
        Path logDirectory = given.data().log().directory();
        DataDirectory.requireWritable(DataSettings.BUFFER_DIR, logDirectory);
        OwnFiles.tryToKeepLogs(logDirectory);
        ZstdLibrary.load(ScratchDirectory.prepare(data.path()));
        boolean needsKey =
                given.postgres().server().isEmpty() && !given.cipher().hasKey();
        return needsKey ? given.withEncryptionKeys(LocalKey.in(data.path())) : given;
    }

    private LocalPostgres localPostgres(Consumer<String> progress) throws StartException {
        return LocalPostgres.start(
                data.path().resolve("postgres"), config.postgres().port(), progress);
    }

    private Storage openStorage(Database.Address address) throws StartException {
        PopSettings pops = config.pop();
        AdministrationSettings administration = config.administration();
        var database = parts.add(new Database(
                address,
                pops.dispatcher().threads() + pops.acknowledgeThreads(),
                pops.statementTimeout(),
                administration.writers() + administration.readers(),
                administration.transactions() + administration.directPushes(),
                config.work().connections(),
                config.drain().toKafka() ? 0 : config.data().lanes()));
        PostgresSettings settings = config.postgres();
        String schema = settings.schema();
        var opener = parts.add(new SchemaOpener(database, schema, settings.appliesSchema()));
        opener.open();
        var writes = parts.add(new WriteProbe(
                database.direct(WriteProbe.NAME, PROBE_ANSWER_TIMEOUT),
                new WriteTest(schema),
                () -> opener.isReady() && database.isConnected()));
        return new Storage(database, new Availability(database, opener, writes), writes, schema);
    }

    private PushPath openPushPath() throws StartException, IOException {
        DrainSettings settings = config.drain();
        boolean toKafka = settings.toKafka();
        Path directory = config.data().log().directory();
        Destination destination = toKafka ? Destination.kafka(config.kafka()) : Destination.postgres();
        Lanes lanes = parts.add(
                Lanes.open(directory, config.data().lanes(), config.data().log(), destination.name()));
        FailedRecords failed = parts.add(FailedRecords.open(directory));
        Durability strongest = toKafka ? Durability.BUFFERED : Durability.STORED;
        var intake = parts.add(new Intake(lanes, settings.storedTimeout(), strongest));
        var rules = new PushRule.Reader(storage.control(), storage.schema);
        var admission = parts.add(new Admission(intake, config.cipher(), () -> {
            storage.availability.requireDatabase();
            return rules.read();
        }));
        admission.start();
        return new PushPath(lanes, failed, intake, admission, destination);
    }

    private PopPath openPopPath(WorkMetrics works) throws StartException {
        Availability availability = storage.availability;
        var maintenance = parts.add(
                new Maintenance(new SharedSwitches(storage.control(), storage.schema), availability::requireDatabase));
        var queue = new Queue(availability.gated(storage.database.consumers()), config.queue());
        var access = new QueueAccess(queue, availability, maintenance);
        var dispatcher = new PopDispatcher(
                access::pop,
                queue::outcomeOf,
                access::namespaces,
                access::giveBack,
                config.pop().dispatcher());
        storage.database.whenItAnswersAgain(dispatcher::databaseAnswers);
        var arrivals = new Arrivals(dispatcher::wake);
        var wakeUps = parts.add(new WakeUps(storage.control(), storage.schema, arrivals::heard));
        arrivals.toOthers(wakeUps::tell);
        WebhookSender webhooks = Webhooks.open(config.outbound(), parts);
        var work = parts.add(new WorkService(
                config.work(),
                availability.gated(storage.database.work()),
                availability::requireDatabase,
                new WorkService.Surroundings(works, arrivals::ofWorks, webhooks)));
        works.droppedEvents(work::droppedEvents);
        var endpoints = new EndpointParts(
                config,
                new EndpointParts.Surroundings(storage.control(), work::buffer, webhooks, arrivals::here),
                parts);
        work.listener(endpoints.breakers());
        arrivals.toWork(arrived -> {
            work.wake(arrived);
            endpoints.wake(arrived);
        });
        wakeUps.start();
        storage.database.whenRenewed(wakeUps::renew);
        return new PopPath(access, dispatcher, maintenance, work, endpoints, arrivals, arrivals::here);
    }

    private Drain startDrain(Database.Address address) {
        boolean toKafka = config.drain().toKafka();
        var drain =
                new Drain(push.lanes, push.intake, push.failed, config.drainInto(address), pop.wake, push.destination);
        drain.whenRefused(storage.database::drainRefused);
        if (!toKafka) {
            drain.whenAway(storage.availability::isAway);
        }
        pop.maintenance.start(drain::hold, pop.dispatcher::wakeAll);
        drain.start();
        storage.writes.start(takesWrites -> {
            drain.block(!takesWrites && !toKafka);
            if (takesWrites) {
                pop.dispatcher.databaseAnswers();
            }
        });
        StopSettings stop = config.stop();
        parts.onClose(() -> left = drain.stop(stop.timeout()).undrained());
        return drain;
    }

    private void startJobs(Metrics metrics) throws StartException {
        var release =
                parts.add(new ScheduledRelease(new QueueWriter(storage.control(), config.smallWriter()), pop.wake));
        release.start();
        storage.database.whenRenewed(release::renew);
        DataSource background = storage.availability.gated(storage.database.housekeeping());
        RetentionSettings settings = config.retention();
        var counts = new RetentionCounts(metrics.counters());
        var housekeeping = parts.add(new Housekeeping(
                new Retention(background, storage.schema, settings.idlePartitions(), settings.deadLetters(), counts),
                new MinuteCounters(background, storage.schema),
                new Traces(background, storage.schema, config.cipher()),
                settings.metricsDays(),
                settings.interval()));
        housekeeping.start();
        var indexing = parts.add(new IdIndexing(new IdIndexWriter(background, storage.schema), IdIndexing.INTERVAL));
        indexing.start();
        startDeadLetterJobs(settings);
    }

    private ScheduleService startSchedules(Metrics metrics) throws StartException {
        var schedules =
                parts.add(new ScheduleService(config.schedules(), storage.control(), config.smallWriter(), pop.wake));
        schedules.start();
        metrics.schedules(schedules::counts);
        return schedules;
    }

    private void startDeadLetterJobs(RetentionSettings settings) throws StartException {
        DataSource control = storage.control();
        long bytes = HeapShares.transaction(DeadLetters.MAX_PAGE_BYTES);
        var letters = new DeadLetters(control, storage.schema, config.cipher(), bytes);
        var jobs = new DeadLetterJobs(control, storage.schema, letters);
        var redrive = new Redrive(control, config.smallWriter(), bytes);
        parts.add(new DeadLetterRuns(
                        new DeadLetterJobRunner(jobs, letters, redrive, pop.wake),
                        jobs,
                        new ErrorGroups(control, storage.schema),
                        settings.deadLetterJobs()))
                .start();
    }

    private Backend backend(Drain drain, Metrics metrics) throws StartException {
        Availability availability = storage.availability;
        PopSettings pops = config.pop();
        var acknowledgements = parts.add(new AcknowledgeDispatcher(
                pop.queue::acknowledge,
                pop.dispatcher::wake,
                pops.acknowledgeThreads(),
                pops.maxPendingAcknowledgements()));
        AdministrationSettings administration = config.administration();
        var settings = new RepositorySettings(
                administration.writers(),
                administration.readers(),
                administration.listMax(),
                administration.transactions(),
                administration.directPushes(),
                config.queue(),
                config.smallWriter());
        var executor =
                parts.add(new DatabaseExecutor(settings, availability::requireDatabase, availability::requireWrites));
        var repositories = Repositories.over(
                availability.gated(storage.database.administration()), settings, push.admission::refresh);
        var subscriptions = parts.add(new Subscriptions(
                config.subscriptions(),
                repositories.ends(),
                repositories.reader(),
                executor,
                pop.maintenance::pops,
                metrics.subscriptions()));
        pop.arrivals.toSubscribers(subscriptions::wake);
        return new Backend(
                DataPath.of(push.admission, pop.dispatcher, acknowledgements),
                push.failed,
                settings,
                repositories,
                executor,
                availability.gated(storage.database.writers()),
                storage.database.copies(),
                availability::requireWrites,
                pop.wake,
                pop.work::buffer,
                pop.endpoints.service().registry(),
                subscriptions,
                startSchedules(metrics),
                metrics,
                pop.maintenance,
                new BridgeState(
                        availability, push.lanes, push.failed, push.intake, push.admission, drain, () -> stopping),
                version());
    }

    private static String version() {
        String version = Bridge.class.getPackage().getImplementationVersion();
        return version == null ? "unreleased" : version;
    }

    /** Returns the port of the HTTP server. */
    int port() {
        return http.port();
    }

    /** Returns the routes. */
    List<Route> routes() {
        return http.routes();
    }

    /** Returns the address of the service for a client on this machine. */
    String url() {
        return listens.url(http.port());
    }

    /** Returns a text for the person who has started the service: addresses and first steps. */
    String introduction() {
        String pushUrl = Shell.quoted(url() + "/api/v1/push");
        String psql = postgres == null ? "" : "\nLook at it:    " + postgres.psqlCommand();
        return """

                Sluice %s serves on %s, data in %s

                Push:  curl -s %s -d '{"items":[{"queue":"hello","payload":{"text":"first light"}}]}'
                Pop:   curl -s '%s/api/v1/pop/queue/hello?autoAck=true'
                %s
                Ctrl-C stops it.""".formatted(version(), url(), data.path(), pushUrl, url(), psql.strip());
    }

    /** Waits until the service is closed. */
    void awaitEnd() throws InterruptedException {
        ended.await();
    }

    /** Returns how many messages were left in the local log at the end. The next start moves them. */
    long leftInLog() {
        return left;
    }

    @Override
    public String whatIsLeft() {
        return left + " messages left in the local log";
    }

    /**
     * Stops the service. {@code /ready} answers 503 while the service still serves, for the shutdown grace. Then
     * waiting pops are answered, requests in progress end, the drain moves messages for the shutdown timeout, the log
     * is synced, connections are closed, and PostgreSQL is stopped. Does nothing the second time.
     */
    @Override
    public synchronized void close() {
        stopping = true;
        parts.close();
        ended.countDown();
    }
}
