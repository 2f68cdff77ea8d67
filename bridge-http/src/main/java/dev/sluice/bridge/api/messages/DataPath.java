package dev.sluice.bridge.api.messages;

import dev.sluice.bridge.ingest.Admission;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.ingest.QueueFullException;
import dev.sluice.bridge.pop.AcknowledgeDispatcher;
import dev.sluice.bridge.pop.PopDispatcher;
import dev.sluice.queue.NewMessage;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * The calls behind the routes that move messages.
 *
 * @param pushes pushes into the local log
 * @param pushesAgain pushes messages that have been accepted before, however full their queues are
 * @param room admits messages that do not go through the local log, and knows in which queues the priorities of items
 *     count
 * @param pops finds messages
 * @param undelivered takes back messages that could not be sent
 * @param acknowledgements acknowledges
 */
public record DataPath(
        PushEndpoint.Pushes pushes,
        Function<List<NewMessage>, CompletableFuture<List<PushResult>>> pushesAgain,
        RoomCheck room,
        PopEndpoint.Popper pops,
        PopDispatcher.Return undelivered,
        AcknowledgeEndpoint.Acknowledger acknowledgements) {

    public static DataPath of(Admission admission, PopDispatcher pops, AcknowledgeDispatcher acknowledgements) {
        return new DataPath(
                admission::accept,
                messages -> admission.acceptAgain(messages, Durability.BUFFERED),
                roomOf(admission),
                pops::pop,
                pops::takeBack,
                acknowledgements::acknowledge);
    }

    private static RoomCheck roomOf(Admission admission) {
        return new RoomCheck() {
            @Override
            public List<NewMessage> admit(List<NewMessage> messages) throws QueueFullException {
                return admission.admit(messages);
            }

            @Override
            public boolean hasLanes(String queue) {
                return admission.hasLanes(queue);
            }
        };
    }
}
