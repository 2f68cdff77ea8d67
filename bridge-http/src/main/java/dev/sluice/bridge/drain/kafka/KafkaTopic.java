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
 * The topic of a drain into Kafka: made if it is missing, refused if it would lose messages. A compacted topic would,
 * for all messages of a partition have one key; one with fewer copies than acknowledgements it asks for takes none.
 *
 * <p>A topic made here has up to three copies, of which one may be missing, and keeps messages as long as the brokers'
 * default says. The lanes' threads share this.
 */
public final class KafkaTopic implements KafkaTask.Topic {
    private static final Logger log = LoggerFactory.getLogger(KafkaTopic.class);

    private static final int USUAL_REPLICATION = 3;

    private final KafkaConfig config;
    private final Supplier<Admin> admins;
    private boolean checked;
    private OptionalInt maxBatchBytes = OptionalInt.empty();
    private volatile boolean givenUp;
    /** The client that is being asked, if one is. */
    private volatile @Nullable Admin asked;

    public KafkaTopic(KafkaConfig config) {
        this(config, () -> Admin.create(config.admin()));
    }

    /** The same with clients from elsewhere; each is closed after use. */
    public KafkaTopic(KafkaConfig config, Supplier<Admin> admins) {
        this.config = config;
        this.admins = admins;
    }

    /**
     * Makes sure, once, that the topic is there and fit.
     *
     * @return its {@code max.message.bytes}, if that may be read
     * @throws org.apache.kafka.connect.errors.RetriableException if Kafka cannot be asked now, or {@link #giveUp} was
     *     called
     * @throws ConnectException if it is not fit, or missing and not to be made
     */
    @Override
    public synchronized OptionalInt ensure() {
        if (checked) {
            return maxBatchBytes;
        }
        try (Admin admin = admin()) {
            asked = admin;
            if (givenUp) {
                throw new org.apache.kafka.connect.errors.RetriableException("Kafka is not asked any more");
            }
            TopicDescription topic = describe(admin);
            if (topic == null) {
                create(admin);
                topic = describe(admin); // Others may have made it at the same moment, as they like it.
            }
            if (topic == null) {
                throw new org.apache.kafka.connect.errors.RetriableException(
                        "topic " + config.topic() + " has just been made, and cannot be seen yet");
            }
            maxBatchBytes = check(admin, topic);
            checked = true;
            return maxBatchBytes;
        } catch (ExecutionException e) {
            throw failure(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while Kafka was asked for its topic", e);
        } finally {
            asked = null;
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
        Admin admin = asked;
        if (admin != null) {
            admin.close(Duration.ZERO); // Fails what is under way.
        }
    }

    private RuntimeException failure(Throwable cause) {
        String what = "topic " + config.topic() + " cannot be used: ";
        return cause instanceof RetriableException
                ? new org.apache.kafka.connect.errors.RetriableException(what + reason(cause), cause)
                : KafkaConfig.refusal(what, cause, reason(cause));
    }

    /** The first says what was being done ("SSL handshake failed"), the last what is wrong. */
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
                    "Made the topic. topic={} partitions={} replication={} minInsyncReplicas={}",
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
                        "The topic's settings may not be read and are not checked; producers have one request on its way at a"
                                + " time. topic={}",
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
