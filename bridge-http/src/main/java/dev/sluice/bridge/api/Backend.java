package dev.sluice.bridge.api;

import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.api.messages.DataPath;
import dev.sluice.bridge.endpoint.Registry;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.jobs.MaintenanceMode;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.repositories.Repositories;
import dev.sluice.bridge.repositories.RepositorySettings;
import dev.sluice.bridge.schedule.ScheduleService;
import dev.sluice.bridge.subscribe.Subscriptions;
import dev.sluice.work.WorkBuffer;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import javax.sql.DataSource;

/**
 * What the routes work on. {@link RouteTable} gives each endpoint the parts that it uses.
 *
 * @param path pushes, pops and acknowledges
 * @param failed records that PostgreSQL refused
 * @param settings how much the endpoints may do at a time
 * @param repositories the repositories of the queue
 * @param executor runs the calls to them
 * @param writers pool of connections for transactions and direct pushes
 * @param copies pool of connections for one copy into another database at a time
 * @param requireWrites throws {@code QueueException} while the database is known to be away or to take no writes
 * @param wake told, after the commit, the queues that may have something to read; must not block
 * @param work returns the work engine; throws {@code QueueException} while the database cannot be used
 * @param endpoints the endpoints that get messages of queues
 * @param subscriptions clients to which the messages of queues are pushed
 * @param schedules pushes messages by the clock
 * @param metrics what the process counts
 * @param maintenance what an operator has put on hold
 * @param state the state of the service
 * @param version of the service
 */
public record Backend(
        DataPath path,
        FailedRecords failed,
        RepositorySettings settings,
        Repositories repositories,
        DatabaseExecutor executor,
        DataSource writers,
        DataSource copies,
        Runnable requireWrites,
        Consumer<Set<String>> wake,
        Supplier<WorkBuffer> work,
        Registry endpoints,
        Subscriptions subscriptions,
        ScheduleService schedules,
        Metrics metrics,
        MaintenanceMode maintenance,
        ServiceState state,
        String version) {}
