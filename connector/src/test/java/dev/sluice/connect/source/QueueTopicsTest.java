package dev.sluice.connect.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QueueTopicsTest {
    private final QueueTopics topics = topics("${queue}");

    private static QueueTopics topics(String format) {
        return new QueueTopics(queue -> !queue.equals("unwanted"), new TopicFormat(format));
    }

    private static List<String> read(QueueTopics topics, String... queues) {
        QueueTopics.Scan scan = topics.scan();
        List<String> read = List.of(queues).stream().filter(scan).toList();
        scan.finish();
        return read;
    }

    @ParameterizedTest
    @ValueSource(strings = {".", "..", "__consumer_offsets", "__transaction_state"})
    void aQueueThatCanHaveNoTopicIsSkippedAndTheOthersAreRead(String queue) {
        assertThat(read(topics, "orders", queue, "bills", "unwanted")).containsExactly("orders", "bills");
        assertThat(topics.skipped()).containsOnlyKeys(queue);
        assertThat(topics.skipped().get(queue)).contains("no topic can be named " + queue);
    }

    @Test
    void theEmptyNameHasATopicIfTheFormatHasTextAroundTheName() {
        assertThat(read(topics, "", "orders")).containsExactly("orders");
        assertThat(topics.skipped().get("")).contains("no topic can be named \"\"; change topic.format");
        QueueTopics prefixed = topics("sluice.${queue}");
        assertThat(read(prefixed, "", "orders")).containsExactly("", "orders");
        assertThat(prefixed.topic("")).isEqualTo("sluice.");
    }

    @Test
    void aNameOf249CharactersIsTheLongest() {
        assertThat(read(topics, "q".repeat(249), "r".repeat(250))).containsExactly("q".repeat(249));
        assertThat(read(topics("sluice.${queue}"), "q".repeat(242), "r".repeat(243)))
                .containsExactly("q".repeat(242));
    }

    @ParameterizedTest
    @CsvSource({"a_b, a b, a_b", "a.b, a_b, a_b", "a b, a_b, a_b", "a/b, a.b, a.b"})
    void ofTwoQueuesWithOneTopicTheOlderIsRead(String older, String younger, String topic) {
        assertThat(read(topics, older, younger, "other")).containsExactly(older, "other");
        assertThat(topics.skipped().get(younger)).contains(topic + " is, to Kafka, the topic of the queue " + older);
        assertThat(topics.topic(older)).isNotEmpty();
    }

    @Test
    void theYoungerIsReadWhenTheOlderIsGone() {
        assertThat(read(topics, "a_b", "a b")).containsExactly("a_b");
        assertThat(read(topics, "a b")).containsExactly("a b");
        assertThat(topics.topic("a b")).isEqualTo("a_b");
        assertThat(topics.skipped()).isEmpty();
    }

    @Test
    void aScanThatStartsAgainFindsTheSame() {
        QueueTopics.Scan scan = topics.scan();
        assertThat(scan.test("a_b")).isTrue();
        assertThat(scan.test("a_b")).isTrue();
    }

    @Test
    void aFormatThatIsOneTopicTakesAllQueues() {
        QueueTopics one = topics("all");
        assertThat(read(one, "a_b", "a b", "..", "q".repeat(255))).hasSize(4);
        assertThat(one.topic("a b")).isEqualTo("all");
    }

    @ParameterizedTest
    @ValueSource(strings = {".", "..", "__consumer_offsets", "a b", ""})
    void aFormatThatIsNoTopicIsRefused(String format) {
        assertThatThrownBy(() -> new TopicFormat(format)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @CsvSource({"a.b, a_b", ".., orders", "a b, a/b"})
    void queuesThatAreNamedOneByOneAreCheckedAtOnce(String one, String other) {
        assertThat(QueueTopics.problem(List.of(one, other), new TopicFormat("${queue}")))
                .hasValueSatisfying(message -> assertThat(message).contains("has no topic"));
        assertThat(QueueTopics.problem(List.of("a", "b", "a"), new TopicFormat("${queue}")))
                .isEmpty();
    }
}
