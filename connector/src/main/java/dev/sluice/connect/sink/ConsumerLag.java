package dev.sluice.connect.sink;

import dev.sluice.connect.plugin.WorkerBeans;
import java.lang.management.ManagementFactory;
import java.util.Map;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The number of records that the consumer of a sink task has not fetched yet. It reads the metrics of the consumer in
 * JMX. Any thread may use it.
 */
final class ConsumerLag {
    private static final Logger log = LoggerFactory.getLogger(ConsumerLag.class);

    private static final String CLIENT_ID = "consumer.override.client.id";
    private static final String METRICS = "kafka.consumer:type=consumer-fetch-manager-metrics,client-id=%s,*";
    private static final String LAG = "records-lag";

    private final String clientId;

    /**
     * Finds the consumer of a task.
     *
     * @param properties of the connector
     * @param task the number of the task
     */
    ConsumerLag(Map<String, String> properties, String connector, String task) {
        this.clientId = properties.getOrDefault(CLIENT_ID, "connector-consumer-" + connector + "-" + task);
    }

    /** Returns the number of records; -1 if the worker publishes no metric of the consumer. */
    long records() {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        long sum = 0;
        boolean isKnown = false;
        try {
            var pattern = new ObjectName(METRICS.formatted(WorkerBeans.quoted(clientId)));
            for (ObjectName bean : server.queryNames(pattern, null)) {
                isKnown = true;
                boolean isPartition = bean.getKeyProperty("partition") != null;
                if (isPartition && server.getAttribute(bean, LAG) instanceof Double lag && Double.isFinite(lag)) {
                    sum += lag.longValue();
                }
            }
        } catch (JMException e) {
            log.debug("The lag of a consumer cannot be read client={}", clientId, e);
        }
        return isKnown ? sum : -1;
    }
}
