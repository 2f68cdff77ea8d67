package dev.sluice.bridge.drain.kafka;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates the topic if it is missing, and refuses a topic that would lose messages. A compacted topic would, because
 * all messages of a partition have the same key. A topic with fewer replicas than {@code min.insync.replicas} takes no
 * message.
 *
 * <p>A created topic has up to three replicas (one may be out of sync), and the broker's default retention. The threads
 * of all lanes share this object.
 */
public final class KafkaTopic implements KafkaTask.Topic {
    private static final Logger log = LoggerFactory.getLogger(KafkaTopic.class);

    private static final int USUAL_REPLICATION = 3;

    private final KafkaConfig config;
    private final Supplier<Admin> admins;
    private boolean checked;
    private OptionalInt maxBatchBytes = OptionalInt.empty();
    private volatile boolean givenUp;
    /** The admin client in use; null if there is none. */
    private volatile @Nullable Admin inUse;

    public KafkaTopic(KafkaConfig config) {
        this(config, () -> Admin.create(config.admin()));
    }

    /** Takes the source of admin clients; each is closed after use. */
    KafkaTopic(KafkaConfig config, Supplier<Admin> admins) {
        this.config = config;
        this.admins = admins;
    }

    /**
     * Makes sure, once, that the topic exists and loses no messages.
     *
     * @return its {@code max.message.bytes}; empty if the user may not read it
     * @throws org.apache.kafka.connect.errors.RetriableException if Kafka cannot be asked now, or {@link #giveUp} was
     *     called
     * @throws ConnectException if it would lose messages, or is missing and may not be created
     */
    @Override
    public synchronized OptionalInt ensure() {
        if (checked) {
            return maxBatchBytes;
        }
        try (Admin admin = admin()) {
            inUse = admin;
            if (givenUp) {
                throw new org.apache.kafka.connect.errors.RetriableException("Kafka is not asked any more");
            }
            TopicDescription topic = describe(admin);
            if (topic == null) {
                create(admin);
                topic = describe(admin); // Another client may have created it differently.
            }
            if (topic == null) {
                throw new org.apache.kafka.connect.errors.RetriableException(
                        "topic " + config.topic() + " was just created and is not visible yet");
            }
            maxBatchBytes = check(admin, topic);
            checked = true;
            return maxBatchBytes;
        } catch (ExecutionException e) {
            throw failure(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while asking Kafka for its topic", e);
        } finally {
            inUse = null;
        }
    }

    private Admin admin() {
        try {
            return admins.get();
        } catch (KafkaException e) {
            throw failure(e);
        }
    }

    @Override
    public void giveUp() {
        givenUp = true;
        Admin admin = inUse;
        if (admin != null) {
            admin.close(Duration.ZERO); // Fails the request in flight.
        }
    }

    private RuntimeException failure(Throwable cause) {
        String what = "topic " + config.topic() + " cannot be used: ";
        return cause instanceof RetriableException
                ? new org.apache.kafka.connect.errors.RetriableException(what + reason(cause), cause)
                : KafkaConfig.refusal(what, cause, reason(cause));
    }

    /** Joins the first message, which says what failed ("SSL handshake failed"), and the last, which says why. */
    private static String reason(Throwable first) {
        Throwable last = first;
        while (last.getCause() != null && last.getCause() != last) {
            last = last.getCause();
        }
        return last == first ? String.valueOf(first.getMessage()) : first.getMessage() + ": " + last.getMessage();
    }

    private @Nullable TopicDescription describe(Admin admin) throws ExecutionException, InterruptedException {
        try {
            return admin.describeTopics(List.of(config.topic()))
                    .allTopicNames()
                    .get()
                    .get(config.topic());
        } catch (ExecutionException e) {
            if (e.getCause() instanceof UnknownTopicOrPartitionException) {
                return null;
            }
            throw e;
        }
    }

    private void create(Admin admin) throws ExecutionException, InterruptedException {
        if (!config.create()) {
            throw new ConnectException("topic " + config.topic()
                    + " does not exist, and kafka.topic.create=false; make it, with cleanup.policy=delete");
        }
        int brokers = admin.describeCluster().nodes().get().size();
        int replication = config.replication() == 0 ? Math.min(USUAL_REPLICATION, brokers) : config.replication();
        String inSync = String.valueOf(Math.max(1, replication - 1));
        var topic = new NewTopic(config.topic(), Optional.of(config.partitions()), Optional.of((short) replication))
                .configs(Map.of(
                        TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG,
                        inSync,
                        TopicConfig.CLEANUP_POLICY_CONFIG,
                        TopicConfig.CLEANUP_POLICY_DELETE));
        try {
            admin.createTopics(List.of(topic)).all().get();
            log.info(
                    "Created the topic topic={} partitions={} replication={} minInsyncReplicas={}",
                    config.topic(),
                    config.partitions(),
                    replication,
                    inSync);
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw e;
            }
        }
    }

    private OptionalInt check(Admin admin, TopicDescription topic) throws ExecutionException, InterruptedException {
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, config.topic());
        Config settings;
        try {
            settings = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof AuthorizationException) {
                log.warn(
                        "Not allowed to read the settings of the topic, so they are not checked and producers have one"
                                + " request in flight; grant DescribeConfigs topic={}",
                        config.topic());
                return OptionalInt.empty();
            }
            throw e;
        }
        String cleanup = settings.get(TopicConfig.CLEANUP_POLICY_CONFIG).value();
        if (cleanup.contains(TopicConfig.CLEANUP_POLICY_COMPACT)) {
            throw new ConnectException("topic " + config.topic() + " has cleanup.policy=" + cleanup
                    + ": compaction would remove all but the newest message of a partition; set cleanup.policy=delete");
        }
        int replication = topic.partitions().stream()
                .mapToInt(partition -> partition.replicas().size())
                .min()
                .orElseThrow();
        int inSync = Integer.parseInt(
                settings.get(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG).value());
        if (inSync > replication) {
            throw new ConnectException("topic " + config.topic() + " has min.insync.replicas=" + inSync + " and only "
                    + replication + " replicas: it takes no message with acks=all");
        }
        return OptionalInt.of(Integer.parseInt(
                settings.get(TopicConfig.MAX_MESSAGE_BYTES_CONFIG).value()));
    }
}
