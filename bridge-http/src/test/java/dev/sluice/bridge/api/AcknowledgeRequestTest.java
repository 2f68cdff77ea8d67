package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.net.http.HttpResponse;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** An acknowledgement over HTTP. */
class AcknowledgeRequestTest extends HttpServiceFixture {
    private final String partition = PartitionIds.toUuid(7).toString();

    @Test
    void isAnsweredWithAnArrayOfOne() {
        acknowledgeAnswer.complete(List.of(new AcknowledgeOutcome.Acknowledged("q", "p", true, false)));
        HttpResponse<String> response = post("/api/v1/ack", "{'transactionId':'t','partitionId':'" + partition + "'}");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.body())
                .isEqualTo(
                        "[{'index':0,'transactionId':'t','success':true,'error':null,'queueName':'q','partitionName':'p','leaseReleased':true,'dlq':false}]"
                                .replace('\'', '"'));
    }

    @Test
    void isAnsweredItemByItemInABatch() {
        acknowledgeAnswer.complete(
                List.of(new AcknowledgeOutcome.NotFound(), new AcknowledgeOutcome.LeaseInvalid("q", "p")));
        HttpResponse<String> response = post(
                "/api/v1/ack/batch",
                "{'acknowledgments':[{'transactionId':'a','partitionId':'nonsense'},{'transactionId':'b','partitionId':'$P'},{'transactionId':'c','partitionId':'$P','status':'odd'},{'transactionId':'d','partitionId':'$P'}]}"
                        .replace("$P", partition));
        assertThat(response.statusCode()).isEqualTo(200);
        String nothing = "'queueName':null,'partitionName':null,'leaseReleased':null,'dlq':false}";
        assertThat(response.body())
                .isEqualTo(("[{'index':0,'transactionId':'a','success':false,'error':'partitionId must be a UUID',"
                                + nothing
                                + ",{'index':1,'transactionId':'b','success':false,'error':'Message not found',"
                                + nothing
                                + ",{'index':2,'transactionId':'c','success':false,'error':null,"
                                + nothing
                                + ",{'index':3,'transactionId':'d','success':false,'error':'Invalid or expired lease','queueName':'q','partitionName':'p','leaseReleased':false,'dlq':false}]")
                        .replace('\'', '"'));
        assertThat(acknowledged).extracting(Acknowledgement::transactionId).containsExactly("b", "d");
    }

    @Test
    void ofNothingIsAnsweredWithNothing() {
        HttpResponse<String> response = post("/api/v1/ack/batch", "{'acknowledgments':[]}");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.body()).isEqualTo("[]");
    }

    @Test
    void isToldThatItsOutcomeIsUnknown() {
        acknowledgeAnswer.completeExceptionally(OutcomeUnknownException.because("no answer"));
        HttpResponse<String> response = post("/api/v1/ack", "{'transactionId':'t','partitionId':'" + partition + "'}");
        assertError(response, 503, "outcome_unknown");
        assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
    }

    @Test
    void isA503WhileTheDatabaseIsAway() {
        acknowledgeAnswer.completeExceptionally(new QueueException("ack", new SQLException("gone", "08006")));
        HttpResponse<String> response = post("/api/v1/ack", "{'transactionId':'t','partitionId':'" + partition + "'}");
        assertError(response, 503, "The database is not available");
    }

    /** A database that cancels a statement is available. */
    @Test
    void isToldThatAStatementTookTooLong() {
        acknowledgeAnswer.completeExceptionally(new QueueException("ack", new SQLException("timeout", "57014")));
        HttpResponse<String> response = post("/api/v1/ack", "{'transactionId':'t','partitionId':'" + partition + "'}");
        assertError(response, 503, "The database did not finish a statement in time");
    }

    @Test
    void isRefusedWithoutABody() {
        assertError(post("/api/v1/ack", ""), 400, "Empty request body");
        assertError(post("/api/v1/ack/batch", ""), 400, "Empty request body");
    }
}
