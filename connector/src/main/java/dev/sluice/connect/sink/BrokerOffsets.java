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
 * Asks Kafka whether offsets are possible, where the connector's configuration says how to reach it: with the
 * properties {@code admin.override.*}, which Connect uses for the connector's own admin client, if
 * {@code bootstrap.servers} is among them.
 */
final class BrokerOffsets {
    private static final String PREFIX = "admin.override.";

    /** Shorter than what Connect waits for the answer to a request. */
    private static final int TIMEOUT_MS = 20_000;

    private BrokerOffsets() {}

    /**
     * Does nothing if the address is not known.
     *
     * @throws ConnectException if a partition does not exist, an offset is beyond its end, or Kafka cannot be asked
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
            throw notAsked(e);
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
            throw notAsked(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while Kafka was asked for the end of " + partition, e);
        }
    }

    private static ConnectException notAsked(Throwable e) {
        return new ConnectException(
                "Kafka cannot be asked whether the offsets are possible, and nothing is changed: " + e.getMessage(), e);
    }
}
