package dev.sluice.connect.sink;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * Checks offsets against Kafka. It connects with the properties {@code admin.override.*} of the connector, which
 * Connect uses for the connector's own admin client. If {@code bootstrap.servers} is not among them, it checks nothing.
 */
final class BrokerOffsets {
    private static final String PREFIX = "admin.override.";

    /** Shorter than the time after which Connect gives up a request. */
    private static final int TIMEOUT_MS = 20_000;

    private BrokerOffsets() {}

    /**
     * Checks that each partition exists and reaches its offset.
     *
     * @throws ConnectException if a partition does not exist, an offset is beyond its end, or Kafka is not reachable
     */
    static void check(Map<String, String> properties, Map<TopicPartition, Long> offsets) {
        var client = new HashMap<String, Object>();
        properties.forEach((key, value) -> {
            if (key.startsWith(PREFIX)) {
                client.put(key.substring(PREFIX.length()), value);
            }
        });
        if (!client.containsKey(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG)) {
            return;
        }
        client.putIfAbsent(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, TIMEOUT_MS);
        client.putIfAbsent(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, TIMEOUT_MS);
        try (Admin admin = Admin.create(client)) {
            var latest = new HashMap<TopicPartition, OffsetSpec>();
            offsets.keySet().forEach(partition -> latest.put(partition, OffsetSpec.latest()));
            ListOffsetsResult ends = admin.listOffsets(latest);
            for (Map.Entry<TopicPartition, Long> each : offsets.entrySet()) {
                checkEnd(each.getKey(), each.getValue(), ends);
            }
        } catch (KafkaException e) {
            throw unreachable(e);
        }
    }

    private static void checkEnd(TopicPartition partition, long offset, ListOffsetsResult ends) {
        try {
            long end = ends.partitionResult(partition).get().offset();
            if (offset > end) {
                throw new ConnectException(
                        "offset " + offset + " of " + partition + " is beyond its end, which is " + end);
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof UnknownTopicOrPartitionException) {
                throw new ConnectException(
                        "the topic " + partition.topic() + " has no partition " + partition.partition(), e.getCause());
            }
            throw unreachable(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while Kafka was asked for the end of " + partition, e);
        }
    }

    private static ConnectException unreachable(Throwable e) {
        return new ConnectException(
                "Kafka cannot be asked whether the offsets are possible, and nothing is changed: " + e.getMessage(), e);
    }
}
