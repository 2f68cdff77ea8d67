package dev.sluice.bridge.api.messages;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PopTarget;
import java.util.UUID;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AcknowledgeBodyTest {
    private static final RequestLimits LIMITS =
            new RequestLimits(1 << 20, 3, 10, 100, 1000, 100, HeaderLimits.DEFAULT, 64 << 20);
    private static final UUID PARTITION = PartitionIds.toUuid(42);
    private static final UUID LEASE = UUID.fromString("0190b8f4-1111-7abc-8abc-0123456789ab");

    private static AcknowledgeBody.Item single(String body) {
        return AcknowledgeBody.parseSingle(json(body), LIMITS, RequestMemory.unlimited())
                .items()
                .get(0);
    }

    private static AcknowledgeBody batch(String body) {
        return AcknowledgeBody.parseBatch(json(body), LIMITS, RequestMemory.unlimited());
    }

    private static byte[] json(String body) {
        return body.replace('\'', '"')
                .replace("$P", PARTITION.toString())
                .replace("$L", LEASE.toString())
                .getBytes(UTF_8);
    }

    @Nested
    class ASingleOne {
        @Test
        void hasDefaults() {
            assertThat(single("{'transactionId':'t','partitionId':'$P'}"))
                    .isEqualTo(new AcknowledgeBody.Item(
                            "t",
                            new Acknowledgement(
                                    PopTarget.DEFAULT_GROUP, 42, "t", null, Acknowledgement.Verdict.COMPLETED, null),
                            null));
            assertThat(single("{'transactionId':'t','partitionId':'$P','status':null,'leaseId':'','consumerGroup':null,"
                                    + "'error':null}")
                            .acknowledgement())
                    .isEqualTo(
                            single("{'transactionId':'t','partitionId':'$P'}").acknowledgement());
        }

        @Test
        void hasAllItsFields() {
            assertThat(single("{'error':'why','consumerGroup':'g','status':'failed','leaseId':'$L','partitionId':'$P',"
                                    + "'transactionId':'t','other':[1]}")
                            .acknowledgement())
                    .isEqualTo(new Acknowledgement("g", 42, "t", LEASE, Acknowledgement.Verdict.FAILED, "why"));
        }

        @Test
        void keepsAnErrorThatTheDatabaseCanHold() {
            assertThat(single("{'transactionId':'t','partitionId':'$P','error':'a\\u0000b\\ud800c'}")
                            .acknowledgement()
                            .error())
                    .isEqualTo("a\ufffdb\ufffdc");
        }

        @ParameterizedTest
        @CsvSource({"completed,COMPLETED", "success,COMPLETED", "failed,FAILED", "retry,RETRY", "dlq,DLQ"})
        void hasAVerdict(String status, Acknowledgement.Verdict verdict) {
            assertThat(single("{'transactionId':'t','partitionId':'$P','status':'" + status + "'}")
                            .acknowledgement()
                            .verdict())
                    .isEqualTo(verdict);
        }

        @Test
        void isRefusedWithoutAWordWhenItsStatusIsUnknown() {
            assertThat(single("{'transactionId':'t','partitionId':'$P','status':'done'}"))
                    .isEqualTo(new AcknowledgeBody.Item("t", null, null));
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "{'partitionId':'$P'}|transactionId is required",
                    "{'transactionId':5,'partitionId':'$P'}|transactionId is required",
                    "{'transactionId':'t'}|partitionId is required to ensure message uniqueness",
                    "{'transactionId':'t','partitionId':null}|partitionId is required to ensure message uniqueness",
                    "{'transactionId':'t','partitionId':'17'}|partitionId must be a UUID",
                    "{'transactionId':'t','partitionId':'$P','consumerGroup':1}|consumerGroup must be a string",
                    "[]|transactionId is required"
                })
        void isRefusedWhenAFieldIsNotWhatItMustBe(String body, String message) {
            assertThatThrownBy(() -> single(body))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessage(message);
        }

        @Test
        void isUnknownWhenThePartitionOrTransactionIdCannotExist() {
            assertThat(single("{'transactionId':'t','partitionId':'$L'}").refusal())
                    .isEqualTo("Message not found");
            assertThat(single("{'transactionId':'a\\u0000','partitionId':'$P'}").refusal())
                    .isEqualTo("Message not found");
            assertThat(single("{'transactionId':'t','partitionId':'$P','leaseId':'x'}")
                            .refusal())
                    .isEqualTo("Invalid or expired lease");
        }
    }

    @Nested
    class ABatch {
        @Test
        void takesTheGroupOfTheCallForEveryItem() {
            AcknowledgeBody body = batch(
                    "{'acknowledgments':[{'transactionId':'a','partitionId':'$P','leaseId':'$L',"
                            + "'consumerGroup':'ignored'},{'transactionId':'b','partitionId':'$P','status':'dlq'}],'consumerGroup':'g'}");
            assertThat(body.items())
                    .extracting(AcknowledgeBody.Item::acknowledgement)
                    .containsExactly(
                            new Acknowledgement("g", 42, "a", LEASE, Acknowledgement.Verdict.COMPLETED, null),
                            new Acknowledgement("g", 42, "b", null, Acknowledgement.Verdict.DLQ, null));
        }

        @Test
        void mayBeEmpty() {
            assertThat(batch("{'acknowledgments':[]}").items()).isEmpty();
        }

        @Test
        void refusesOnlyTheItemWithAMalformedPartition() {
            AcknowledgeBody body = batch(
                    "{'acknowledgments':[{'transactionId':'a','partitionId':'x'},{'transactionId':'b','partitionId':'$P'}]}");
            assertThat(body.items().get(0).refusal()).isEqualTo("partitionId must be a UUID");
            assertThat(body.items().get(1).acknowledgement()).isNotNull();
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "{}|acknowledgments array is required",
                    "{'acknowledgments':{}}|acknowledgments array is required",
                    "{'acknowledgments':[1]}|acknowledgments must be objects, item 0 is not",
                    "{'acknowledgments':[{'partitionId':'$P'}]}|transactionId is required"
                })
        void isRefusedWhenItIsNotWhatItMustBe(String body, String message) {
            assertThatThrownBy(() -> batch(body))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessage(message);
        }

        @Test
        void mayHaveAsManyItemsAsTheLimitAndNotOneMore() {
            String item = "{'transactionId':'a','partitionId':'$P'}";
            assertThat(batch("{'acknowledgments':[" + String.join(",", item, item, item) + "]}")
                            .items())
                    .hasSize(3);
            assertThatThrownBy(() -> batch("{'acknowledgments':[" + String.join(",", item, item, item, item) + "]}"))
                    .hasMessage("acknowledgments must be at most 3 (http.max.items)");
        }
    }
}
