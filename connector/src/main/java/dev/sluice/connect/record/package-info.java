/**
 * The two directions between a message of a queue and a record of a topic. A message that goes through a topic is the
 * same after it: names, ids, payload, headers, trace id, producer, time of creation and lane.
 *
 * <ul>
 *   <li>{@link dev.sluice.connect.record.RecordHeaders}: the key and the headers of a message. The source and the
 *       bridge write them, and the mapping reads them.
 *   <li>{@link dev.sluice.connect.record.RecordMapping}: makes a message from any record. Headers win over settings.
 *   <li>{@code HeaderReader}: reads the headers that a record passes on to its message. It leaves out those that no
 *       message can have.
 *   <li>{@link dev.sluice.connect.record.MappingSettings}: the settings of the mapping, and their conflicts.
 *   <li>{@code Selector}: selects one text of a record, such as {@code field:customer.id} ({@code FieldPath}).
 *       {@code WatchedSelector} counts the records that have nothing there. {@code RecordFields} finds the fields, also
 *       in text that is JSON.
 *   <li>{@code JsonText} writes Connect data as JSON, {@code JsonSyntax} checks whether bytes are JSON already, and
 *       {@link dev.sluice.connect.record.JsonValue} reads JSON into values without a schema. The plug-in brings no JSON
 *       library, so that none can conflict with that of a worker.
 * </ul>
 *
 * <p>The classes have no connection and no thread. A mapping belongs to the task's thread. A record that no rule can
 * map is a {@link org.apache.kafka.connect.errors.DataException}; the sink task decides what to do about it.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.connect.record.RecordHeaders}: used by the source and by the bridge in front of Kafka.
 *   <li>{@link dev.sluice.connect.record.RecordMapping}, {@link dev.sluice.connect.record.MappingSettings}: used by the
 *       sink.
 *   <li>{@link dev.sluice.connect.record.JsonValue}: used by the source for {@code value.type=json}.
 *   <li>{@link dev.sluice.connect.record.RecordPlace}: topic partition and name of a record, used by the sink.
 *   <li>{@link dev.sluice.connect.record.TopicNames}: the rules for names of topics, used by the source and the bridge.
 *   <li>{@link dev.sluice.connect.record.Placeholders}: the rule for formats of names, used by the source.
 * </ul>
 */
@NullMarked
package dev.sluice.connect.record;

import org.jspecify.annotations.NullMarked;
