/**
 * What the sink and the source share as plug-ins of a Connect worker. It knows no records and no messages.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.connect.plugin.SettingGroup}: defines settings under one heading of the reference page.
 *   <li>{@link dev.sluice.connect.plugin.PostgresSettings}: the settings of the connection, the schema and the
 *       encryption keys. It makes data sources whose commits are durable ({@code DurableDataSource}).
 *   <li>{@link dev.sluice.connect.plugin.ConnectSettings}: the settings of Connect itself that the plug-in reads.
 *   <li>{@link dev.sluice.connect.plugin.Converters}: recognises the converters of a configuration. Each side checks
 *       for itself which converters do not go with its settings.
 *   <li>{@link dev.sluice.connect.plugin.UnknownSettings}: finds the settings that neither a connector nor Connect
 *       knows.
 *   <li>{@link dev.sluice.connect.plugin.ConnectionCheck}: tries the connection when Connect validates a configuration.
 *   <li>{@link dev.sluice.connect.plugin.TaskBean}: the numbers of a task in JMX, on workers of every version.
 *       {@link dev.sluice.connect.plugin.RecentValues}: the mean and the largest of recent values, for such a number.
 *   <li>{@link dev.sluice.connect.plugin.TaskMetrics}: publishes some numbers as metrics of the worker, too.
 *   <li>{@link dev.sluice.connect.plugin.DatabaseState}: whether PostgreSQL answers the task, for the log and for JMX.
 *   <li>{@link dev.sluice.connect.plugin.WorkerBeans}: the names of a worker's threads and MBeans.
 *   <li>{@link dev.sluice.connect.plugin.PluginVersion}: the version that connectors and tasks report.
 * </ul>
 */
@NullMarked
package dev.sluice.connect.plugin;

import org.jspecify.annotations.NullMarked;
