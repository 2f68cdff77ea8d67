package dev.sluice.bridge;

import dev.sluice.bridge.config.BridgeConfig;
import dev.sluice.bridge.config.PostgresSettings;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.bridge.postgres.LocalPostgres;
import dev.sluice.bridge.postgres.WorkConnections;
import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.work.HandlerConfig;
import dev.sluice.bridge.work.WorkConfig;
import dev.sluice.bridge.work.WorkService;
import dev.sluice.work.CloseReport;
import dev.sluice.work.watch.WorkMeter;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * A process that only runs handlers: {@code ./sluice work}. It has no HTTP, no local log and no PostgreSQL of its own.
 * It uses the server of {@code connection.url}, or the one that a running service has in {@code data.dir}.
 */
final class WorkProcess implements StoppedByProcess {
    private final OpenParts parts;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final WorkConfig config;
    private final Database.Address address;
    private final WorkService service;

    /**
     * Starts the handlers; returns at once, also if the server does not answer yet.
     *
     * @param calledOff asked between the steps: whether to give up
     * @throws StartException if it cannot start, or is called off; then all parts are closed again
     */
    static WorkProcess start(BridgeConfig config, BooleanSupplier calledOff) throws StartException {
        var parts = new OpenParts(calledOff);
        boolean complete = false;
        try {
            var process = new WorkProcess(config, parts);
            complete = true;
            return process;
        } finally {
            if (!complete) {
                parts.close();
            }
        }
    }

    private WorkProcess(BridgeConfig given, OpenParts parts) throws StartException {
        this.parts = parts;
        if (!given.work().hasHandlers()) {
            throw new StartException("work.handlers names no handler, and sluice work does nothing else than handle");
        }
        PostgresSettings settings = given.postgres();
        address = settings.server().isPresent() ? settings.server().get() : runningServer(given);
        boolean needsKey = settings.server().isEmpty() && !given.cipher().hasKey();
        BridgeConfig all =
                needsKey ? given.withEncryptionKeys(LocalKey.in(given.data().directory())) : given;
        config = all.work().withSchema(settings.appliesSchema());
        var connections = parts.add(new WorkConnections(address, config.connections() + 1)); // One listens.
        connections.requireEntry();
        service = parts.add(new WorkService(
                config,
                connections,
                () -> {},
                new WorkService.Surroundings(WorkMeter.NONE, null, Webhooks.open(given.outbound(), parts))));
        service.open();
    }

    private static Database.Address runningServer(BridgeConfig config) throws StartException {
        Path directory = config.data().directory();
        return LocalPostgres.running(directory.resolve("postgres"))
                .orElseThrow(
                        () -> new StartException("there is no PostgreSQL to work on: connection.url is not set, and"
                                + " no service runs one in " + directory
                                + " (data.dir); start sluice up first, with the same"
                                + " data.dir, or set connection.url"));
    }

    /** Returns a text for the person who has started the process. */
    String introduction() {
        return "\nSluice handles works of " + address + ": "
                + config.handlers().stream().map(HandlerConfig::workType).collect(Collectors.joining(", "))
                + "\nCtrl-C stops it.";
    }

    /** Waits until the process is told to end. */
    void awaitEnd() throws InterruptedException {
        ended.await();
    }

    @Override
    public synchronized void close() {
        parts.close();
        ended.countDown();
    }

    @Override
    public String whatIsLeft() {
        CloseReport report = service.closeReport();
        return report.givenBack() + " works given back, which other processes run again";
    }
}
