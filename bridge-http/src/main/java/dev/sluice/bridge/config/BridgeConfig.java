package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.BridgeKeys.ACK_MAX_PENDING;
import static dev.sluice.bridge.config.BridgeKeys.ACK_THREADS;
import static dev.sluice.bridge.config.BridgeKeys.ADMINISTRATION_CONNECTIONS;
import static dev.sluice.bridge.config.BridgeKeys.ADMINISTRATION_READERS;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_ALGORITHM;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_AUDIENCE;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_CLOCK_SKEW_MS;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_ENABLED;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_ISSUER;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_JWKS_MAX_AGE_MS;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_JWKS_REFRESH_MS;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_JWKS_TIMEOUT_MS;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_JWKS_URL;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_JWKS_WAIT_MS;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_PUBLIC_KEY;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_ROLES_CLAIM;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_ROLE_ADMIN;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_ROLE_CLAIM;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_ROLE_READ_ONLY;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_ROLE_READ_WRITE;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_JWT_SECRET;
import static dev.sluice.bridge.config.BridgeKeys.AUTH_SKIP_PATHS;
import static dev.sluice.bridge.config.BridgeKeys.BUFFER_DIR;
import static dev.sluice.bridge.config.BridgeKeys.BUFFER_FSYNC;
import static dev.sluice.bridge.config.BridgeKeys.BUFFER_LANES;
import static dev.sluice.bridge.config.BridgeKeys.BUFFER_MAX_BYTES;
import static dev.sluice.bridge.config.BridgeKeys.BUFFER_SEGMENT_BYTES;
import static dev.sluice.bridge.config.BridgeKeys.CONNECTION_PASSWORD;
import static dev.sluice.bridge.config.BridgeKeys.CONNECTION_URL;
import static dev.sluice.bridge.config.BridgeKeys.CONNECTION_USER;
import static dev.sluice.bridge.config.BridgeKeys.CORS_ORIGINS;
import static dev.sluice.bridge.config.BridgeKeys.DATA_DIR;
import static dev.sluice.bridge.config.BridgeKeys.DEDUP_MAX_IDS;
import static dev.sluice.bridge.config.BridgeKeys.DEDUP_WINDOW_MS;
import static dev.sluice.bridge.config.BridgeKeys.DRAIN_BATCH_BYTES;
import static dev.sluice.bridge.config.BridgeKeys.DRAIN_BATCH_RECORDS;
import static dev.sluice.bridge.config.BridgeKeys.DRAIN_LINGER_MS;
import static dev.sluice.bridge.config.BridgeKeys.DRAIN_MODE;
import static dev.sluice.bridge.config.BridgeKeys.DRAIN_RESTART_BACKOFF_MS;
import static dev.sluice.bridge.config.BridgeKeys.ENCRYPTION_KEYS;
import static dev.sluice.bridge.config.BridgeKeys.ENCRYPTION_KEY_ID;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_BODY_TIMEOUT_MS;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_HEADER_TIMEOUT_MS;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_HOST;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_IDLE_TIMEOUT_MS;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_LIST_MAX;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_MAX_BODY_BYTES;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_MAX_COMPRESSION_RATIO;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_MAX_CONNECTIONS;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_MAX_DEPTH;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_MAX_ITEMS;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_MEMORY_BYTES;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_PORT;
import static dev.sluice.bridge.config.BridgeKeys.HTTP_THREADS;
import static dev.sluice.bridge.config.BridgeKeys.KAFKA_PREFIX;
import static dev.sluice.bridge.config.BridgeKeys.KAFKA_TOPIC;
import static dev.sluice.bridge.config.BridgeKeys.KAFKA_TOPIC_CREATE;
import static dev.sluice.bridge.config.BridgeKeys.KAFKA_TOPIC_PARTITIONS;
import static dev.sluice.bridge.config.BridgeKeys.KAFKA_TOPIC_REPLICATION_FACTOR;
import static dev.sluice.bridge.config.BridgeKeys.METRICS_MAX_QUEUES;
import static dev.sluice.bridge.config.BridgeKeys.METRICS_RETENTION_DAYS;
import static dev.sluice.bridge.config.BridgeKeys.MIGRATION_ENABLED;
import static dev.sluice.bridge.config.BridgeKeys.POP_MAX_BATCH;
import static dev.sluice.bridge.config.BridgeKeys.POP_MAX_BYTES;
import static dev.sluice.bridge.config.BridgeKeys.POP_MAX_PARKED;
import static dev.sluice.bridge.config.BridgeKeys.POP_MAX_TIMEOUT_MS;
import static dev.sluice.bridge.config.BridgeKeys.POP_POLL_INTERVAL_MS;
import static dev.sluice.bridge.config.BridgeKeys.POP_STATEMENT_TIMEOUT_MS;
import static dev.sluice.bridge.config.BridgeKeys.POP_THREADS;
import static dev.sluice.bridge.config.BridgeKeys.POSTGRES_PORT;
import static dev.sluice.bridge.config.BridgeKeys.PUSH_DURABILITY;
import static dev.sluice.bridge.config.BridgeKeys.PUSH_LEGACY_CONNECTIONS;
import static dev.sluice.bridge.config.BridgeKeys.PUSH_STORED_TIMEOUT_MS;
import static dev.sluice.bridge.config.BridgeKeys.QUEUE_SCHEMA;
import static dev.sluice.bridge.config.BridgeKeys.RETENTION_INTERVAL_MS;
import static dev.sluice.bridge.config.BridgeKeys.RETENTION_PARTITION_IDLE_DAYS;
import static dev.sluice.bridge.config.BridgeKeys.SCHEMA_APPLY;
import static dev.sluice.bridge.config.BridgeKeys.SHUTDOWN_GRACE_MS;
import static dev.sluice.bridge.config.BridgeKeys.SHUTDOWN_TIMEOUT_MS;
import static dev.sluice.bridge.config.BridgeKeys.TRANSACTION_CONNECTIONS;

import dev.sluice.bridge.api.HttpService;
import dev.sluice.bridge.drain.DrainConfig;
import dev.sluice.bridge.drain.kafka.KafkaConfig;
import dev.sluice.bridge.http.TrustedOrigins;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.limits.ConnectionLimits;
import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.pop.PopDispatcherConfig;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.bridge.repositories.Administration;
import dev.sluice.bridge.security.JwksConfig;
import dev.sluice.bridge.security.JwtConfig;
import dev.sluice.bridge.system.ConfigException;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.buffer.SyncPolicy;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.ConnectionUrl;
import dev.sluice.queue.write.QueueWriterConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.config.types.Password;
import org.jspecify.annotations.Nullable;

/** The settings of a service, checked: each alone by {@link BridgeKeys}, and together here. */
public final class BridgeConfig {
    private static final int SMALL_WRITER_IDS = 100_000;
    /** How long a stop waits for requests under way. */
    private static final Duration HTTP_STOP_TIMEOUT = Duration.ofSeconds(5);
    /** What a message has in the log besides the bytes that were in the request. */
    private static final int USUAL_FRAME_BYTES = 128;

    private static final int LARGEST_FRAME_BYTES = 64 << 10;
    private static final long MIN_PENDING_BYTES = 64L << 20;
    private static final int MOST_EDITS = 3;

    /** Other text in the place of a key may be a line of a password or of a private key. */
    private static final Pattern LOOKS_LIKE_A_KEY =
            Pattern.compile("[a-z]{1,20}|[a-z][a-z0-9]{0,19}(?:[._-][a-z0-9]{1,20}){1,6}");
    /** The largest body and what it becomes must fit. */
    private static final int BODIES_IN_MEMORY = 2;

    private final Map<String, Object> values;
    /** What the clients of Kafka are told, without the prefix. */
    private final Map<String, String> kafkaClients;

    private @Nullable PayloadCipher cipher;

    private BridgeConfig(Map<String, Object> values, Map<String, String> kafkaClients) {
        this.values = values;
        this.kafkaClients = kafkaClients;
    }

    /**
     * Checks settings.
     *
     * @param settings key to value as text; what is missing has its default
     * @throws ConfigException with everything that is wrong
     */
    public static BridgeConfig parse(Map<String, String> settings) throws ConfigException {
        return parse(new ConfigSources.Found(settings, Map.of()));
    }

    /** Does the same with the values found, and reports their problems together with the rest. */
    public static BridgeConfig parse(ConfigSources.Found found) throws ConfigException {
        Map<String, String> settings = found.values();
        ConfigDef definition = BridgeKeys.definition();
        var problems = new ArrayList<String>(found.problems().values());
        var kafkaClients = new TreeMap<String, String>();
        settings.forEach((key, value) -> {
            if (definition.names().contains(key)) {
                return; // Read below.
            }
            String property = key.startsWith(KAFKA_PREFIX) ? key.substring(KAFKA_PREFIX.length()) : "";
            if (KafkaConfig.FIXED.containsKey(property)) {
                problems.add(key + " cannot be set: it is always " + KafkaConfig.FIXED.get(property));
            } else if (KafkaConfig.clientProperties().contains(property)) {
                kafkaClients.put(property, value);
            } else {
                problems.add(unknown(key, definition));
            }
        });
        var wrong = new TreeSet<>(found.problems().keySet());
        Collection<String> ofKafka = KafkaConfig.problems(kafkaClients);
        problems.addAll(ofKafka);
        if (!ofKafka.isEmpty()) {
            wrong.add(KAFKA_PREFIX);
        }
        var values = new LinkedHashMap<String, Object>();
        for (ConfigValue value : definition.validate(given(settings, definition))) {
            values.put(value.name(), value.value());
            if (!value.errorMessages().isEmpty()) {
                problems.add(value.errorMessages().get(0)); // The others follow from it.
                wrong.add(value.name());
                values.put(value.name(), definition.defaultValues().get(value.name()));
            }
        }
        checkTogether(new BridgeConfig(values, kafkaClients), wrong, problems);
        if (!problems.isEmpty()) {
            // A value of any key may be an address with a password, put there by mistake.
            throw new ConfigException(problems.stream().map(Secrets::line).toList());
        }
        return new BridgeConfig(values, kafkaClients);
    }

    /** Returns the settings of the keys we know. An empty value counts as not set; an empty list is a list. */
    private static Map<String, String> given(Map<String, String> settings, ConfigDef definition) {
        var given = new TreeMap<>(settings);
        given.keySet().retainAll(definition.names());
        given.entrySet()
                .removeIf(entry -> entry.getValue().isBlank()
                        && definition.configKeys().get(entry.getKey()).type != ConfigDef.Type.LIST);
        return given;
    }

    /**
     * Checks how settings fit together. Leaves out what needs a setting that is wrong by itself.
     *
     * @param wrong the keys of such settings; {@code kafka.} for any that Kafka's clients are told
     */
    private static void checkTogether(BridgeConfig config, Set<String> wrong, List<String> problems) {
        if (!wrong.contains(CONNECTION_URL)) {
            checkDatabase(config, wrong, problems);
        }
        if (!wrong.contains(DRAIN_MODE)) {
            checkDrain(config, wrong, problems);
        }
        check(List.of("encryption."), config::cipher, wrong, problems);
        check(List.of("encryption.", "buffer.", "http.max.", DATA_DIR), config::segmentLog, wrong, problems);
        check(List.of("encryption.", "queue.", "pop."), config::queue, wrong, problems);
        check(List.of("pop."), config::popDispatcher, wrong, problems);
        check(List.of("http.", "pop.", "push.", "auth."), config::http, wrong, problems);
    }

    private static void check(List<String> prefixes, Supplier<?> part, Set<String> wrong, List<String> problems) {
        if (wrong.stream().anyMatch(key -> prefixes.stream().anyMatch(key::startsWith))) {
            return;
        }
        try {
            Object unused = part.get();
        } catch (IllegalArgumentException e) {
            String problem = String.valueOf(e.getMessage());
            if (!problems.contains(problem)) { // One part may need another.
                problems.add(problem);
            }
        }
    }

    private static void checkDatabase(BridgeConfig config, Set<String> wrong, List<String> problems) {
        if (config.connectionUrl().isPresent()) {
            return;
        }
        if (config.values.get(CONNECTION_USER) != null || config.values.get(CONNECTION_PASSWORD) != null) {
            problems.add(CONNECTION_USER + " and " + CONNECTION_PASSWORD + " have no use without " + CONNECTION_URL);
        }
        int port = config.postgresPort();
        if (port != 0
                && port == config.integer(HTTP_PORT)
                && !wrong.contains(HTTP_PORT)
                && !wrong.contains(POSTGRES_PORT)) {
            problems.add(POSTGRES_PORT + " and " + HTTP_PORT + " must differ, both are " + port);
        }
    }

    private static void checkDrain(BridgeConfig config, Set<String> wrong, List<String> problems) {
        if (!config.drainsToKafka()) {
            if (!config.kafkaClients.isEmpty()) {
                problems.add(
                        KAFKA_PREFIX + config.kafkaClients.keySet().iterator().next() + " has no use without "
                                + DRAIN_MODE + "=kafka");
            }
            return;
        }
        if (config.connectionUrl().isEmpty() && !wrong.contains(CONNECTION_URL)) {
            problems.add(CONNECTION_URL + " must be set with " + DRAIN_MODE
                    + "=kafka: the database the workers write to, which pops read");
        }
        if (wrong.contains(KAFKA_PREFIX + "bootstrap.servers")) {
            return;
        }
        if (!config.kafkaClients.containsKey("bootstrap.servers")) {
            problems.add("kafka.bootstrap.servers must be set with " + DRAIN_MODE + "=kafka");
        } else {
            check(List.of(KAFKA_PREFIX), () -> config.kafka().producer(), wrong, problems);
        }
    }

    private static String unknown(String key, ConfigDef definition) {
        String closest = null;
        int fewest = MOST_EDITS + 1;
        for (String candidate : definition.names()) {
            int edits = edits(key.toLowerCase(Locale.ROOT), candidate);
            if (edits < fewest) {
                fewest = edits;
                closest = candidate;
            }
        }
        if (closest != null) {
            return "unknown key " + key + ", did you mean " + closest + "?";
        }
        return LOOKS_LIKE_A_KEY.matcher(key).matches()
                ? "unknown key " + key
                : "unknown key of " + key.length() + " characters, which is not shown, for it may be a part of a value;"
                        + " a value goes on in the next line if its line ends with \\";
    }

    /** Returns the edit distance of two keys (Levenshtein). */
    private static int edits(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }

    /** Returns the effective settings for the log, one per line, secrets masked. */
    public String describe() {
        var text = new StringBuilder();
        new TreeMap<>(values)
                .forEach((key, value) ->
                        text.append("\n  ").append(key).append(" = ").append(shown(key, value)));
        kafkaClients.forEach((property, value) -> text.append("\n  ")
                .append(KAFKA_PREFIX)
                .append(property)
                .append(" = ")
                .append(KafkaConfig.isSecret(property) ? Password.HIDDEN : Secrets.hidden(value)));
        return text.toString();
    }

    private static String shown(String key, @Nullable Object value) {
        if (value == null) {
            return "";
        }
        String text = value.toString(); // A Password shows itself as [hidden].
        return switch (key) {
            case CONNECTION_URL -> ConnectionUrl.shown(text);
            case AUTH_JWT_JWKS_URL -> JwksConfig.shown(text);
            default -> Secrets.hidden(text);
        };
    }

    // What the parts of the service are given.

    public HttpService.Config http() {
        var limits = new RequestLimits(
                integer(HTTP_MAX_BODY_BYTES),
                integer(HTTP_MAX_ITEMS),
                integer(HTTP_MAX_DEPTH),
                integer(POP_MAX_BATCH),
                integer(POP_MAX_TIMEOUT_MS),
                integer(HTTP_MAX_COMPRESSION_RATIO),
                requestMemoryBytes());
        return new HttpService.Config(
                text(HTTP_HOST),
                integer(HTTP_PORT),
                integer(HTTP_THREADS),
                millis(HTTP_IDLE_TIMEOUT_MS),
                millis(HTTP_BODY_TIMEOUT_MS),
                HTTP_STOP_TIMEOUT,
                text(PUSH_DURABILITY).equals("stored") ? Durability.STORED : Durability.BUFFERED,
                limits,
                new ConnectionLimits(integer(HTTP_MAX_CONNECTIONS), millis(HTTP_HEADER_TIMEOUT_MS)),
                (Boolean) values.get(AUTH_JWT_ENABLED) ? jwt() : null,
                TrustedOrigins.of(texts(CORS_ORIGINS)),
                (Boolean) values.get(MIGRATION_ENABLED));
    }

    private long requestMemoryBytes() {
        long bytes = (Long) values.get(HTTP_MEMORY_BYTES);
        long least = (long) BODIES_IN_MEMORY * integer(HTTP_MAX_BODY_BYTES);
        if (bytes != 0 && bytes < least) {
            throw new IllegalArgumentException(HTTP_MEMORY_BYTES + " must be 0, or at least twice "
                    + HTTP_MAX_BODY_BYTES + " (" + least + "), was " + bytes);
        }
        return bytes == 0 ? HeapShares.requests() : bytes;
    }

    private JwtConfig jwt() {
        JwksConfig jwks = optional(AUTH_JWT_JWKS_URL)
                .map(url -> new JwksConfig(
                        JwksConfig.address(url),
                        millis(AUTH_JWT_JWKS_MAX_AGE_MS),
                        millis(AUTH_JWT_JWKS_REFRESH_MS),
                        millis(AUTH_JWT_JWKS_TIMEOUT_MS),
                        millis(AUTH_JWT_JWKS_WAIT_MS)))
                .orElse(null);
        return new JwtConfig(
                text(AUTH_JWT_ALGORITHM),
                Optional.ofNullable((Password) values.get(AUTH_JWT_SECRET))
                        .map(Password::value)
                        .orElse(null),
                optional(AUTH_JWT_PUBLIC_KEY).orElse(null),
                jwks,
                optional(AUTH_JWT_ISSUER).orElse(null),
                optional(AUTH_JWT_AUDIENCE).orElse(null),
                millis(AUTH_JWT_CLOCK_SKEW_MS),
                new JwtConfig.RoleNames(
                        text(AUTH_JWT_ROLE_CLAIM),
                        text(AUTH_JWT_ROLES_CLAIM),
                        text(AUTH_JWT_ROLE_ADMIN),
                        text(AUTH_JWT_ROLE_READ_WRITE),
                        text(AUTH_JWT_ROLE_READ_ONLY)),
                texts(AUTH_SKIP_PATHS));
    }

    public Path dataDirectory() {
        return Path.of(text(DATA_DIR));
    }

    /** Returns the settings of a log. Any body that HTTP takes fits into one append, encrypted or not. */
    public SegmentLogConfig segmentLog() {
        Path directory = optional(BUFFER_DIR)
                .map(Path::of)
                .orElseGet(() -> dataDirectory().resolve("log"));
        boolean seals = cipher().hasKey();
        int bodyBytes = integer(HTTP_MAX_BODY_BYTES);
        int recordBytes = (int) (seals ? PayloadCipher.sealedBytes(bodyBytes) : bodyBytes) + LARGEST_FRAME_BYTES;
        long frameBytes = USUAL_FRAME_BYTES + (seals ? PayloadCipher.sealedBytes(0) : 0);
        int appendBytes =
                (int) Math.min(SegmentLogConfig.MAX_APPEND_BYTES, recordBytes + integer(HTTP_MAX_ITEMS) * frameBytes);
        try {
            return SegmentLogConfig.defaults(directory)
                    .withLimits(recordBytes, appendBytes, Math.max(MIN_PENDING_BYTES, 2L * appendBytes))
                    .withSizes((Long) values.get(BUFFER_SEGMENT_BYTES), (Long) values.get(BUFFER_MAX_BYTES))
                    .withSync(SyncPolicy.parse(text(BUFFER_FSYNC)));
        } catch (IllegalArgumentException e) {
            // Of the names of the log's own limits, this one is no key of ours.
            throw new IllegalArgumentException(
                    String.valueOf(e.getMessage())
                            .replace(
                                    "buffer.max.append.bytes",
                                    "the largest push that " + HTTP_MAX_BODY_BYTES + " and " + HTTP_MAX_ITEMS
                                            + " allow"),
                    e);
        }
    }

    /** Returns how the local log is drained, into the database at {@code address}. */
    public DrainConfig drain(Database.Address address) {
        var task = new HashMap<String, String>();
        task.put(QueueSinkConfig.CONNECTION_URL, address.url());
        if (address.user() != null) {
            task.put(QueueSinkConfig.CONNECTION_USER, address.user());
        }
        if (address.password() != null) {
            task.put(QueueSinkConfig.CONNECTION_PASSWORD, address.password());
        }
        task.put(QueueSinkConfig.QUEUE_SCHEMA, text(QUEUE_SCHEMA));
        task.put(QueueSinkConfig.SCHEMA_APPLY, String.valueOf(appliesSchema()));
        task.put(QueueSinkConfig.DEDUP_WINDOW_MS, String.valueOf(values.get(DEDUP_WINDOW_MS)));
        task.put(QueueSinkConfig.DEDUP_MAX_IDS, String.valueOf(HeapShares.ids(integer(DEDUP_MAX_IDS))));
        if (values.get(ENCRYPTION_KEYS) instanceof Password keys) {
            task.put(QueueSinkConfig.ENCRYPTION_KEYS, keys.value());
            optional(ENCRYPTION_KEY_ID).ifPresent(id -> task.put(QueueSinkConfig.ENCRYPTION_KEY_ID, id));
        }
        return new DrainConfig(
                task,
                integer(DRAIN_BATCH_RECORDS),
                HeapShares.transaction((Long) values.get(DRAIN_BATCH_BYTES)),
                millis(DRAIN_LINGER_MS),
                millis(DRAIN_RESTART_BACKOFF_MS));
    }

    public boolean drainsToKafka() {
        return text(DRAIN_MODE).equals("kafka");
    }

    /** Returns the settings of a drain into Kafka. */
    public KafkaConfig kafka() {
        return new KafkaConfig(
                text(KAFKA_TOPIC),
                integer(KAFKA_TOPIC_PARTITIONS),
                integer(KAFKA_TOPIC_REPLICATION_FACTOR),
                (Boolean) values.get(KAFKA_TOPIC_CREATE),
                kafkaClients);
    }

    public int lanes() {
        return integer(BUFFER_LANES);
    }

    public Optional<String> connectionUrl() {
        return optional(CONNECTION_URL);
    }

    public Optional<String> connectionUser() {
        return optional(CONNECTION_USER);
    }

    public Optional<String> connectionPassword() {
        return Optional.ofNullable((Password) values.get(CONNECTION_PASSWORD)).map(Password::value);
    }

    public boolean appliesSchema() {
        return (Boolean) values.get(SCHEMA_APPLY);
    }

    public int postgresPort() {
        return integer(POSTGRES_PORT);
    }

    public QueueConfig queue() {
        return new QueueConfig(text(QUEUE_SCHEMA), HeapShares.transaction((Long) values.get(POP_MAX_BYTES)), cipher());
    }

    /** Whether the service keeps its own database: nobody else needs to know its keys. */
    public boolean isSelfContained() {
        return connectionUrl().isEmpty();
    }

    /** Returns the same settings with these keys, in the form of {@code encryption.keys}. */
    public BridgeConfig withEncryptionKeys(String keys) {
        var changed = new LinkedHashMap<>(values);
        changed.put(ENCRYPTION_KEYS, new Password(keys));
        return new BridgeConfig(changed, kafkaClients);
    }

    /** Returns the keys for payloads; always the same object. */
    public PayloadCipher cipher() {
        PayloadCipher made = cipher;
        if (made == null) {
            String keys = values.get(ENCRYPTION_KEYS) instanceof Password password ? password.value() : null;
            made = PayloadCipher.of(keys, optional(ENCRYPTION_KEY_ID).orElse(null));
            cipher = made;
        }
        return made;
    }

    /** For a writer that writes little beside the drain, and so need not remember much. */
    public QueueWriterConfig smallWriter() {
        return new QueueWriterConfig(
                text(QUEUE_SCHEMA),
                Duration.ofMillis((Long) values.get(DEDUP_WINDOW_MS)),
                Math.min(SMALL_WRITER_IDS, HeapShares.ids(integer(DEDUP_MAX_IDS))),
                cipher());
    }

    public Duration retentionInterval() {
        return Duration.ofMillis((Long) values.get(RETENTION_INTERVAL_MS));
    }

    public Duration idlePartitions() {
        return Duration.ofDays(integer(RETENTION_PARTITION_IDLE_DAYS));
    }

    public Duration pushStoredTimeout() {
        return millis(PUSH_STORED_TIMEOUT_MS);
    }

    public PopDispatcherConfig popDispatcher() {
        return new PopDispatcherConfig(integer(POP_THREADS), integer(POP_MAX_PARKED), millis(POP_POLL_INTERVAL_MS));
    }

    public Duration popStatementTimeout() {
        return millis(POP_STATEMENT_TIMEOUT_MS);
    }

    public int acknowledgeThreads() {
        return integer(ACK_THREADS);
    }

    public int acknowledgeMaxPending() {
        return integer(ACK_MAX_PENDING);
    }

    public int administrationConnections() {
        return integer(ADMINISTRATION_CONNECTIONS) + integer(ADMINISTRATION_READERS);
    }

    public int metricsMaxQueues() {
        return integer(METRICS_MAX_QUEUES);
    }

    public int metricsRetentionDays() {
        return integer(METRICS_RETENTION_DAYS);
    }

    public int transactionConnections() {
        return integer(TRANSACTION_CONNECTIONS);
    }

    public int directPushConnections() {
        return integer(PUSH_LEGACY_CONNECTIONS);
    }

    public Administration.Config administration() {
        return new Administration.Config(
                integer(ADMINISTRATION_CONNECTIONS),
                integer(ADMINISTRATION_READERS),
                integer(HTTP_LIST_MAX),
                transactionConnections(),
                directPushConnections(),
                queue(),
                smallWriter());
    }

    public Duration shutdownGrace() {
        return millis(SHUTDOWN_GRACE_MS);
    }

    public Duration shutdownTimeout() {
        return millis(SHUTDOWN_TIMEOUT_MS);
    }

    private String text(String key) {
        return String.valueOf(values.get(key));
    }

    private List<String> texts(String key) {
        return ((List<?>) values.get(key)).stream().map(String::valueOf).toList();
    }

    private Optional<String> optional(String key) {
        return Optional.ofNullable((String) values.get(key)).filter(value -> !value.isEmpty());
    }

    private int integer(String key) {
        return (Integer) values.get(key);
    }

    private Duration millis(String key) {
        return Duration.ofMillis(integer(key));
    }
}
