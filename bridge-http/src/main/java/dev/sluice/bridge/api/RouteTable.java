package dev.sluice.bridge.api;

import dev.sluice.bridge.api.compat.DirectPushEndpoint;
import dev.sluice.bridge.api.endpoint.DeliveryEndpoints;
import dev.sluice.bridge.api.endpoint.EndpointRoutes;
import dev.sluice.bridge.api.manage.BufferEndpoints;
import dev.sluice.bridge.api.manage.ConsumerGroupEndpoints;
import dev.sluice.bridge.api.manage.DeadLetterEndpoints;
import dev.sluice.bridge.api.manage.DeadLetterJobEndpoints;
import dev.sluice.bridge.api.manage.MaintenanceEndpoints;
import dev.sluice.bridge.api.manage.MigrationEndpoints;
import dev.sluice.bridge.api.manage.QueueEndpoints;
import dev.sluice.bridge.api.manage.ScheduledEndpoints;
import dev.sluice.bridge.api.messages.AcknowledgeEndpoint;
import dev.sluice.bridge.api.messages.DataPath;
import dev.sluice.bridge.api.messages.LeaseEndpoint;
import dev.sluice.bridge.api.messages.PopEndpoint;
import dev.sluice.bridge.api.messages.PushEndpoint;
import dev.sluice.bridge.api.messages.RequestCounting;
import dev.sluice.bridge.api.messages.StreamEndpoints;
import dev.sluice.bridge.api.messages.TransactionEndpoint;
import dev.sluice.bridge.api.messages.WebhookEndpoint;
import dev.sluice.bridge.api.observe.AnalyticsEndpoints;
import dev.sluice.bridge.api.observe.MessageEndpoints;
import dev.sluice.bridge.api.observe.MetricsEndpoints;
import dev.sluice.bridge.api.observe.ResourceEndpoints;
import dev.sluice.bridge.api.observe.ServerEndpoints;
import dev.sluice.bridge.api.observe.StatusEndpoints;
import dev.sluice.bridge.api.observe.TraceEndpoints;
import dev.sluice.bridge.api.schedule.ScheduleRoutes;
import dev.sluice.bridge.api.subscribe.SubscribeEndpoint;
import dev.sluice.bridge.api.work.WorkRoutes;
import dev.sluice.bridge.http.Connections;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.repositories.Repositories;
import dev.sluice.bridge.repositories.WriterPool;
import dev.sluice.bridge.subscribe.Subscriptions;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.transact.TransactionExecutor;
import dev.sluice.queue.write.QueueWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The one table of routes: makes the endpoints, gives each the parts of the {@link Backend} that it uses, and lists
 * their rows. The guard, the server and the tests of the contract read it.
 */
final class RouteTable implements AutoCloseable {
    private final List<Route> rows = new ArrayList<>();
    private final WriterPool<TransactionExecutor> transactions;
    private final WriterPool<QueueWriter> directWriters;
    private final BufferEndpoints buffers;
    private final MetricsEndpoints metrics;
    private final MigrationEndpoints migrations;
    private final WorkRoutes work;
    private final Subscriptions subscriptions;

    RouteTable(HttpService.Config config, Backend backend, RequestBodies bodies, Connections connections) {
        var settings = backend.settings();
        transactions = new WriterPool<>(
                "transactions",
                "sluice-transactions",
                settings.transactions(),
                () -> new TransactionExecutor(backend.writers(), settings.writer()),
                backend.requireWrites());
        directWriters = new WriterPool<>(
                "direct pushes",
                "sluice-direct-pushes",
                settings.directPushes(),
                () -> new QueueWriter(backend.writers(), settings.writer()),
                backend.requireWrites());
        buffers = new BufferEndpoints(
                backend.state()::bufferDetail, backend.failed(), backend.path().pushesAgain(), bodies);
        metrics = new MetricsEndpoints(backend.metrics(), backend.state(), backend.maintenance(), connections);
        migrations = new MigrationEndpoints(
                config.migrations(), backend.copies(), settings.schema(), backend.executor()::requireDatabase, bodies);
        work = new WorkRoutes(
                config.streams().most(), config.streams().buffer(), backend.work(), backend.executor(), bodies);
        addMessages(config, backend, bodies, connections);
        rows.addAll(work.routes());
        addEndpoints(backend, bodies);
        subscriptions = backend.subscriptions();
        rows.addAll(new SubscribeEndpoint(subscriptions).routes());
        rows.addAll(new ScheduleRoutes(backend.schedules(), backend.executor(), bodies).routes());
        addManagement(backend, bodies);
        addObservation(backend, bodies);
        rows.addAll(new DocumentationEndpoints().routes());
    }

    private void addMessages(
            HttpService.Config config, Backend backend, RequestBodies bodies, Connections connections) {
        DataPath path = backend.path();
        Repositories of = backend.repositories();
        Consumer<Set<String>> wake = wake(backend);
        var counting = new RequestCounting(backend.metrics().counters());
        var ids = new MessageIds();
        rows.addAll(
                new PushEndpoint(path.pushes(), path.room(), counting, config.usualDurability(), bodies, ids).routes());
        rows.addAll(new WebhookEndpoint(config.webhooks()).routes());
        rows.addAll(new DirectPushEndpoint(directWriters, path.room(), counting, wake, bodies, ids).routes());
        rows.addAll(new PopEndpoint(path.pops(), path.undelivered(), counting, connections, bodies).routes());
        rows.addAll(new AcknowledgeEndpoint(path.acknowledgements(), counting, bodies).routes());
        rows.addAll(new TransactionEndpoint(transactions, path.room(), counting, wake, bodies, ids).routes());
        rows.addAll(new LeaseEndpoint(
                        of.queue(), backend.executor(), backend.metrics().leaseExtensions(), bodies)
                .routes());
        rows.addAll(new StreamEndpoints(of.streams(), backend.executor(), transactions, path.room(), wake, bodies, ids)
                .routes());
    }

    private void addEndpoints(Backend backend, RequestBodies bodies) {
        rows.addAll(new EndpointRoutes(backend.endpoints(), backend.executor(), bodies).routes());
        rows.addAll(new DeliveryEndpoints(
                        backend.endpoints(),
                        backend.repositories().deadLetterJobs(),
                        backend.work(),
                        backend.executor(),
                        bodies)
                .routes());
    }

    private void addManagement(Backend backend, RequestBodies bodies) {
        Repositories of = backend.repositories();
        var executor = backend.executor();
        int listMax = backend.settings().listMax();
        Consumer<Set<String>> wake = wake(backend);
        rows.addAll(new QueueEndpoints(
                        of.queues(), executor, listMax, wake, backend.metrics().counters(), bodies)
                .routes());
        rows.addAll(
                new DeadLetterEndpoints(of.deadLetters(), of.redrive(), of.queue(), executor, wake, bodies).routes());
        rows.addAll(new DeadLetterJobEndpoints(of.errorGroups(), of.deadLetterJobs(), executor, bodies).routes());
        rows.addAll(new ScheduledEndpoints(of.scheduled(), executor, bodies).routes());
        rows.addAll(new ConsumerGroupEndpoints(of.groups(), of.queues(), executor, listMax, wake, bodies).routes());
        rows.addAll(new MaintenanceEndpoints(
                        backend.maintenance(), backend.state(), backend.failed(), executor, wake, bodies)
                .routes());
        rows.addAll(migrations.routes());
        rows.addAll(buffers.routes());
    }

    private void addObservation(Backend backend, RequestBodies bodies) {
        Repositories of = backend.repositories();
        var executor = backend.executor();
        int listMax = backend.settings().listMax();
        rows.addAll(new ResourceEndpoints(of.overview(), of.counters(), executor, listMax).routes());
        rows.addAll(new MessageEndpoints(of.messages(), executor).routes());
        rows.addAll(new TraceEndpoints(of.traces(), executor, listMax, bodies).routes());
        rows.addAll(new AnalyticsEndpoints(of.counters(), of.overview(), executor, listMax).routes());
        rows.addAll(new ServerEndpoints(of.server(), executor).routes());
        rows.addAll(metrics.routes());
        rows.addAll(new StatusEndpoints(backend.state(), backend.version(), buffers).routes());
    }

    private static Consumer<Set<String>> wake(Backend backend) {
        return queues -> {
            if (!queues.isEmpty()) {
                backend.wake().accept(queues);
            }
        };
    }

    /** Returns the rows. If two paths match a request, the first one counts. */
    List<Route> rows() {
        return List.copyOf(rows);
    }

    /** Ends the answers that would not end by themselves. */
    void endStreams() {
        work.close();
        subscriptions.close();
    }

    /** Ends the tasks of the endpoints, and waits for them for a few seconds. */
    @Override
    public void close() {
        transactions.close();
        directWriters.close();
        buffers.close();
        metrics.close();
        migrations.close();
    }
}
