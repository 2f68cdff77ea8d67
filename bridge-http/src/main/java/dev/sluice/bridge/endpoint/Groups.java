package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.Endpoint.State;
import dev.sluice.bridge.endpoint.FanOutRows.QueueGroups;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.read.Taking;
import dev.sluice.queue.sql.Transactions;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Registers the consumer groups of endpoints, and deletes what belongs to an endpoint. Safe for use by many threads.
 */
final class Groups {
    private static final int DELETED_AT_ONCE = 5_000;

    private final Transactions transactions;
    private final EndpointRows endpoints;
    private final AttemptRows attempts;
    private final FanOutRows rows;
    private final Taking taking;
    private final ConsumerGroups groups;
    private final Queues queues;

    /** What deletes groups and queues. */
    record Admin(ConsumerGroups groups, Queues queues) {}

    Groups(
            Transactions transactions,
            EndpointRows endpoints,
            AttemptRows attempts,
            FanOutRows rows,
            Taking taking,
            Admin admin) {
        this.transactions = transactions;
        this.endpoints = endpoints;
        this.attempts = attempts;
        this.rows = rows;
        this.taking = taking;
        this.groups = admin.groups();
        this.queues = admin.queues();
    }

    /**
     * Registers the groups of endpoints on the queues that they match, where they are missing. Notes that they wait for
     * queues that they name and that do not exist: the first push to such a queue registers them.
     *
     * @return the names of all queues
     * @throws QueueException if PostgreSQL failed; a further call goes on. A failure of one keeps no other from being
     *     registered
     */
    Set<String> register(Collection<Endpoint> all) {
        List<QueueGroups> found = transactions.run("could not look for queues of endpoints", rows::queues);
        Set<String> names = found.stream().map(QueueGroups::queue).collect(Collectors.toSet());
        var each = new OneByOne();
        for (Endpoint endpoint : all) {
            if (endpoint.condition().state() == State.DELETING) {
                continue;
            }
            String group = EndpointNames.type(endpoint.id());
            var matcher = new Selection.Matcher(endpoint.selection());
            var missing = new TreeSet<>(endpoint.selection().queues());
            missing.removeIf(name -> name.contains("*") || names.contains(name) || !matcher.reads(name));
            found.stream()
                    .filter(queue -> !queue.groups().contains(group) && matcher.reads(queue.queue()))
                    .map(QueueGroups::queue)
                    .forEach(missing::add);
            missing.forEach(queue -> each.run(() -> register(endpoint, queue)));
        }
        each.throwFirst();
        return names;
    }

    /** Registers a group in a transaction that holds the endpoint, so that a deletion finds the group. */
    private void register(Endpoint endpoint, String queue) {
        boolean unused = transactions.run("could not register an endpoint on a queue", connection -> {
            if (endpoints.lock(connection, endpoint.id()).isPresent()) {
                taking.register(
                        connection,
                        queue,
                        EndpointNames.type(endpoint.id()),
                        new Subscription(Subscription.Mode.ALL, endpoint.times().startsAt()));
            }
            return true;
        });
    }

    /** Deletes the groups of an endpoint on queues that it does not match any more. */
    void deleteUnmatched(Endpoint endpoint) {
        String group = EndpointNames.type(endpoint.id());
        var matcher = new Selection.Matcher(endpoint.selection());
        transactions.run("could not look for queues of endpoints", rows::queues).stream()
                .filter(queue -> queue.groups().contains(group) && !matcher.reads(queue.queue()))
                .forEach(queue -> groups.delete(group, queue.queue()));
    }

    /**
     * Deletes what belongs to an endpoint that is hidden, and then its row: groups, works and dead letters, attempts,
     * secrets.
     *
     * @throws QueueException if PostgreSQL failed; a further call goes on
     */
    void delete(String id) {
        groups.delete(EndpointNames.type(id), null);
        queues.delete(EndpointNames.queue(id));
        transactions.repeat(
                "could not delete the attempts of an endpoint",
                connection -> attempts.deleteOf(connection, id, DELETED_AT_ONCE));
        boolean unused = transactions.run("could not delete an endpoint", connection -> {
            endpoints.delete(connection, id);
            return true;
        });
    }
}
