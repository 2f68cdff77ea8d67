package dev.sluice.bridge;

import dev.sluice.bridge.jobs.MaintenanceMode;
import dev.sluice.bridge.postgres.Availability;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Message;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueNamespace;
import dev.sluice.queue.read.Queue;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The calls of the dispatchers to the queue. A call fails at once while the database cannot be used, and a pop gets no
 * messages during pop maintenance.
 */
record QueueAccess(Queue queue, Availability availability, MaintenanceMode maintenance) {
    private static final Logger log = LoggerFactory.getLogger(QueueAccess.class);

    private static final PopResult NO_MESSAGES = new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null);

    List<PopResult> pop(PopTarget target, List<PopRequest> requests) {
        if (maintenance.pops()) {
            return Collections.nCopies(requests.size(), NO_MESSAGES);
        }
        availability.requireWrites();
        return queue.pop(target, requests);
    }

    Map<String, QueueNamespace> namespaces(Set<String> queues) {
        availability.requireDatabase();
        return queue.namespaces(queues);
    }

    List<AcknowledgeOutcome> acknowledge(List<Acknowledgement> acknowledgements) {
        availability.requireWrites();
        return queue.acknowledge(acknowledgements);
    }

    /**
     * Gives back popped messages that reached no client. Ends their leases as if the consumer had asked for a retry. If
     * they were popped with auto-ack, moves the cursor back before them.
     */
    void giveBack(PopTarget target, PopResult result) {
        if (result.leaseId() == null) {
            int back = queue.putBack(target.group(), result.messages());
            log.info(
                    "Messages popped with auto-ack reached nobody and were put back target={} popped={} back={}",
                    target,
                    result.messages().size(),
                    back);
            return;
        }
        Map<Long, Acknowledgement> onePerPartition = new LinkedHashMap<>();
        for (Message message : result.messages()) {
            onePerPartition.putIfAbsent(
                    message.partitionId(),
                    new Acknowledgement(
                            target.group(),
                            message.partitionId(),
                            message.transactionId(),
                            result.leaseId(),
                            Acknowledgement.Verdict.RETRY,
                            null));
        }
        queue.acknowledge(List.copyOf(onePerPartition.values()));
    }
}
