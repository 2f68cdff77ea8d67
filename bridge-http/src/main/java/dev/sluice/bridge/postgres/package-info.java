/**
 * PostgreSQL as the bridge uses it: connections, the knowledge whether the database can be used, and the embedded
 * server.
 *
 * <h2>Connections</h2>
 *
 * {@link dev.sluice.bridge.postgres.Database} is the entrance. Its {@code Pools} hold one pool for each kind of work,
 * so that no kind can starve another. {@code Pool} is a HikariCP pool that can be replaced while it is in use;
 * {@code DirectConnections} opens every connection with the settings that sessions rely on. The drain opens its own
 * connections and comes first: {@code ConnectionBudget} reads {@code ConnectionLimit} and fits the pools into what is
 * left. {@code PoolRenewal} replaces pools whose connections are broken.
 *
 * <h2>Availability</h2>
 *
 * {@link dev.sluice.bridge.postgres.SchemaOpener} opens the schema at the start, or as soon as the server answers. Then
 * two observers find out whether requests may use the database, and neither uses a pool: {@code DatabaseWatch} asks
 * every second whether the server answers and is no standby, and {@link dev.sluice.bridge.postgres.WriteProbe} commits
 * a transaction every second. {@link dev.sluice.bridge.postgres.Availability} gives the answer of all three. While it
 * reports a problem, requests fail at once instead of waiting for a connection, and a transaction in progress rolls
 * back ({@code GatedConnections}): a commit that hangs cannot be taken back.
 *
 * <h2>The embedded server</h2>
 *
 * {@link dev.sluice.bridge.postgres.LocalPostgres} runs a server on 127.0.0.1 if no {@code connection.url} is set.
 * {@code PostgresBinaries} unpacks the programs, {@code InitDb} creates the data, {@code LoopbackPort} chooses the
 * port, {@code PostgresPrograms} runs {@code pg_ctl}, {@code RunningServer} finds the process of the server, and
 * {@code ServerWatch} restarts the server when it is gone. The server outlives a killed bridge; the next bridge takes
 * it over.
 *
 * <h2>Rules</h2>
 *
 * Each observer has threads of its own, and an exception never ends them. Only the thread of {@code DatabaseWatch}
 * renews pools and changes their sizes after the start. No lock is held during a statement, except while the embedded
 * server starts or stops. The package knows no SQL of the queue beyond the schema's version; that is the connector's.
 *
 * <p>Public types: {@code Database} and its {@code Address}, which configuration and wiring name; {@code SchemaOpener},
 * {@code WriteProbe}, {@code Availability} and {@code LocalPostgres}, which the wiring opens.
 */
@NullMarked
package dev.sluice.bridge.postgres;

import org.jspecify.annotations.NullMarked;
