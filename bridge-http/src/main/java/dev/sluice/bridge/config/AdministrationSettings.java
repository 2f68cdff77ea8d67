package dev.sluice.bridge.config;

/**
 * Settings of the requests that manage, of transactions and of direct pushes. Each number is a number of connections to
 * the database.
 *
 * @param writers for requests that change something, {@code administration.connections}
 * @param readers for requests that only read, {@code administration.readers}
 * @param transactions for transactions, {@code transaction.connections}
 * @param directPushes for pushes without the local log, {@code push.legacy.connections}
 * @param listMax most rows of a list in one answer, {@code http.list.max}
 */
public record AdministrationSettings(int writers, int readers, int transactions, int directPushes, int listMax) {
    static final KeyGroup GROUP = new KeyGroup("Administration");

    static final Key<Integer> CONNECTIONS = GROUP.integer(
            "administration.connections",
            4,
            1,
            256,
            "The largest number of administration requests (queues, groups, dead letters, leases) that change"
                    + " something and that the database executes at once. Each uses one connection.");
    static final Key<Integer> READERS = GROUP.integer(
            "administration.readers",
            2,
            1,
            64,
            "The largest number of requests that only read (lists, messages, statistics) and that the database"
                    + " executes at once. Each uses one connection, in addition to `administration.connections`.");
    static final Key<Integer> TRANSACTION_CONNECTIONS = GROUP.integer(
            "transaction.connections",
            2,
            1,
            256,
            "The largest number of transactions (POST /api/v1/transaction) that the database executes at once. Each"
                    + " uses one connection.");
    static final Key<Integer> DIRECT_PUSH_CONNECTIONS = GROUP.integer(
            "push.legacy.connections",
            2,
            1,
            256,
            "The largest number of pushes without the local log (POST /api/v1/push-legacy) that the database executes"
                    + " at once. Each uses one connection.");
    static final Key<Boolean> MIGRATION_ENABLED = GROUP.flag(
            "migration.enabled",
            false,
            "Whether `/api/v1/migration/…` may copy everything into a database that the request names. If `false`,"
                    + " these routes answer 403.");

    static AdministrationSettings of(Values values) {
        return new AdministrationSettings(
                values.get(CONNECTIONS),
                values.get(READERS),
                values.get(TRANSACTION_CONNECTIONS),
                values.get(DIRECT_PUSH_CONNECTIONS),
                values.get(HttpSettings.LIST_MAX));
    }
}
