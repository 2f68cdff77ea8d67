package dev.sluice.bridge.config;

import static org.apache.kafka.common.config.ConfigDef.Range.between;

import dev.sluice.bridge.security.JwksConfig;
import dev.sluice.bridge.system.NativeLocale;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.buffer.SyncPolicy;
import dev.sluice.connect.record.TopicNames;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.ConnectionUrl;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Validator;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigDef;
import org.jspecify.annotations.Nullable;

/**
 * Every key of the settings: type, default, range, one sentence. The definition here is what the parser reads, what
 * checks values, and what {@code docs/configuration.md} is written from.
 */
public final class BridgeKeys {
    static final String HTTP_HOST = "http.host";
    static final String HTTP_PORT = "http.port";
    static final String HTTP_THREADS = "http.threads";
    static final String HTTP_IDLE_TIMEOUT_MS = "http.idle.timeout.ms";
    static final String HTTP_MAX_CONNECTIONS = "http.max.connections";
    static final String HTTP_HEADER_TIMEOUT_MS = "http.header.timeout.ms";
    static final String HTTP_BODY_TIMEOUT_MS = "http.body.timeout.ms";
    static final String HTTP_MAX_BODY_BYTES = "http.max.body.bytes";
    static final String HTTP_MAX_COMPRESSION_RATIO = "http.max.compression.ratio";
    static final String HTTP_MAX_ITEMS = "http.max.items";
    static final String HTTP_MAX_DEPTH = "http.max.depth";
    static final String CORS_ORIGINS = "cors.origins";
    static final String HTTP_MEMORY_BYTES = "http.memory.bytes";
    static final String DATA_DIR = "data.dir";
    public static final String BUFFER_DIR = "buffer.dir";
    static final String BUFFER_MAX_BYTES = "buffer.max.bytes";
    static final String BUFFER_SEGMENT_BYTES = "buffer.segment.bytes";
    static final String BUFFER_FSYNC = "buffer.fsync";
    static final String BUFFER_LANES = "buffer.lanes";
    static final String CONNECTION_URL = "connection.url";
    static final String CONNECTION_USER = "connection.user";
    static final String CONNECTION_PASSWORD = "connection.password";
    static final String QUEUE_SCHEMA = "queue.schema";
    static final String SCHEMA_APPLY = "schema.apply";
    static final String POSTGRES_PORT = "postgres.port";
    static final String ENCRYPTION_KEYS = "encryption.keys";
    static final String ENCRYPTION_KEY_ID = "encryption.key.id";
    static final String DRAIN_MODE = "drain.mode";
    static final String KAFKA_TOPIC = "kafka.topic";
    static final String KAFKA_TOPIC_PARTITIONS = "kafka.topic.partitions";
    static final String KAFKA_TOPIC_REPLICATION_FACTOR = "kafka.topic.replication.factor";
    static final String KAFKA_TOPIC_CREATE = "kafka.topic.create";
    /** Other keys that begin so are passed to the clients of Kafka, without it. */
    static final String KAFKA_PREFIX = "kafka.";

    static final String DRAIN_BATCH_RECORDS = "drain.batch.records";
    static final String DRAIN_BATCH_BYTES = "drain.batch.bytes";
    static final String DRAIN_LINGER_MS = "drain.linger.ms";
    static final String DRAIN_RESTART_BACKOFF_MS = "drain.restart.backoff.ms";
    static final String PUSH_DURABILITY = "push.durability";
    static final String PUSH_STORED_TIMEOUT_MS = "push.stored.timeout.ms";
    static final String DEDUP_WINDOW_MS = "dedup.window.ms";
    static final String DEDUP_MAX_IDS = "dedup.max.ids";
    static final String POP_THREADS = "pop.threads";
    static final String POP_MAX_PARKED = "pop.max.parked";
    static final String POP_MAX_BATCH = "pop.max.batch";
    static final String RETENTION_INTERVAL_MS = "retention.interval.ms";
    static final String RETENTION_PARTITION_IDLE_DAYS = "retention.partition.idle.days";
    static final String POP_MAX_BYTES = "pop.max.bytes";
    static final String POP_MAX_TIMEOUT_MS = "pop.max.timeout.ms";
    static final String POP_STATEMENT_TIMEOUT_MS = "pop.statement.timeout.ms";
    static final String POP_POLL_INTERVAL_MS = "pop.poll.interval.ms";
    static final String ACK_THREADS = "ack.threads";
    static final String ACK_MAX_PENDING = "ack.max.pending";
    static final String SHUTDOWN_GRACE_MS = "shutdown.grace.ms";
    static final String SHUTDOWN_TIMEOUT_MS = "shutdown.timeout.ms";
    static final String ADMINISTRATION_CONNECTIONS = "administration.connections";
    static final String ADMINISTRATION_READERS = "administration.readers";
    static final String HTTP_LIST_MAX = "http.list.max";
    static final String TRANSACTION_CONNECTIONS = "transaction.connections";
    static final String PUSH_LEGACY_CONNECTIONS = "push.legacy.connections";

    static final String AUTH_JWT_ENABLED = "auth.jwt.enabled";
    static final String AUTH_JWT_ALGORITHM = "auth.jwt.algorithm";
    static final String AUTH_JWT_SECRET = "auth.jwt.secret";
    static final String AUTH_JWT_PUBLIC_KEY = "auth.jwt.public.key";
    static final String AUTH_JWT_JWKS_URL = "auth.jwt.jwks.url";
    static final String AUTH_JWT_JWKS_MAX_AGE_MS = "auth.jwt.jwks.max.age.ms";
    static final String AUTH_JWT_JWKS_REFRESH_MS = "auth.jwt.jwks.refresh.ms";
    static final String AUTH_JWT_JWKS_TIMEOUT_MS = "auth.jwt.jwks.timeout.ms";
    static final String AUTH_JWT_JWKS_WAIT_MS = "auth.jwt.jwks.wait.ms";
    static final String AUTH_JWT_ISSUER = "auth.jwt.issuer";
    static final String AUTH_JWT_AUDIENCE = "auth.jwt.audience";
    static final String AUTH_JWT_CLOCK_SKEW_MS = "auth.jwt.clock.skew.ms";
    static final String AUTH_JWT_ROLE_CLAIM = "auth.jwt.role.claim";
    static final String AUTH_JWT_ROLES_CLAIM = "auth.jwt.roles.claim";
    static final String AUTH_JWT_ROLE_ADMIN = "auth.jwt.role.admin";
    static final String AUTH_JWT_ROLE_READ_WRITE = "auth.jwt.role.read.write";
    static final String AUTH_JWT_ROLE_READ_ONLY = "auth.jwt.role.read.only";
    static final String AUTH_SKIP_PATHS = "auth.skip.paths";
    static final String MIGRATION_ENABLED = "migration.enabled";
    static final String METRICS_MAX_QUEUES = "metrics.max.queues";
    static final String METRICS_RETENTION_DAYS = "metrics.retention.days";

    private static final int HOUR_MS = 3_600_000;
    private static final int MAX_PORT = 65_535;
    private static final int MAX_IDLE_DAYS = 3650;
    private static final Pattern SCHEMA_NAME = Pattern.compile("[a-z_][a-z0-9_]{0,62}");

    private BridgeKeys() {}

    /** Returns the definition of all keys, in groups, in the order in which they are explained. */
    static ConfigDef definition() {
        var keys = new Keys();
        keys.group("HTTP");
        keys.add(
                HTTP_HOST,
                ConfigDef.Type.STRING,
                "127.0.0.1",
                BridgeKeys::checkHost,
                Importance.HIGH,
                "Address or name to listen on. `0.0.0.0` and `::` are every address of the machine.");
        keys.add(
                HTTP_PORT,
                ConfigDef.Type.INT,
                6632,
                between(0, MAX_PORT),
                Importance.HIGH,
                "Port to listen on. 0 takes a free one.");
        keys.add(
                HTTP_THREADS,
                ConfigDef.Type.INT,
                200,
                between(8, 10_000),
                Importance.LOW,
                "Most threads that read requests and write answers. None of them waits for the disk or the database.");
        keys.add(
                HTTP_MAX_CONNECTIONS,
                ConfigDef.Type.INT,
                25_000,
                between(16, 1_000_000),
                Importance.LOW,
                "Most connections at once; fewer if the process may not open as many files, or the heap has less than 16 KiB for each. From seven eighths on a new connection closes the one that has been without a request the longest. Pops wait on seven eighths at most; others are answered after 250 ms. So pushes get through.");
        keys.add(
                HTTP_HEADER_TIMEOUT_MS,
                ConfigDef.Type.INT,
                10_000,
                between(1, HOUR_MS),
                Importance.LOW,
                "Longest time from the first byte of a request to the end of its headers. Then the connection is closed.");
        keys.add(
                HTTP_IDLE_TIMEOUT_MS,
                ConfigDef.Type.INT,
                60_000,
                between(1, HOUR_MS),
                Importance.LOW,
                "Silence after which a connection with no request under way is closed, and the longest pause within a request body.");
        keys.add(
                HTTP_BODY_TIMEOUT_MS,
                ConfigDef.Type.INT,
                60_000,
                between(1, HOUR_MS),
                Importance.LOW,
                "Longest time a request body may take to come. A slower one is refused with 408.");
        keys.add(
                HTTP_MAX_BODY_BYTES,
                ConfigDef.Type.INT,
                16 << 20,
                between(1 << 10, 24 << 20),
                Importance.MEDIUM,
                "Largest request body, as it comes and decompressed. A larger one is refused with 413.");
        keys.add(
                HTTP_MAX_COMPRESSION_RATIO,
                ConfigDef.Type.INT,
                100,
                between(1, 100_000),
                Importance.LOW,
                "How many times larger than it came a request body may decompress, beyond its first MiB. A denser one is refused with 413.");
        keys.add(
                HTTP_MAX_ITEMS,
                ConfigDef.Type.INT,
                100_000,
                between(1, 250_000),
                Importance.LOW,
                "Most messages in a push, and most acknowledgements in a batch. More is refused with 400.");
        keys.add(
                HTTP_LIST_MAX,
                ConfigDef.Type.INT,
                10_000,
                between(1, 100_000),
                Importance.LOW,
                "Most rows of a list in one answer. More are on the next page: `limit` and `cursor`.");
        keys.add(
                HTTP_MAX_DEPTH,
                ConfigDef.Type.INT,
                500,
                between(8, 10_000),
                Importance.LOW,
                "Most arrays and objects inside each other in a request body. More is refused with 400.");
        keys.add(
                CORS_ORIGINS,
                ConfigDef.Type.LIST,
                "",
                null,
                Importance.MEDIUM,
                "Origins of web pages that may use the service from a browser, `https://app.example.com`, separated by commas. They get CORS headers. Requests of other pages that change or pop are refused with 403. A service on a loopback address also answers to the hosts of these origins. Behind a proxy: the address that browsers know the service by. `*`: any page.");
        keys.add(
                HTTP_MEMORY_BYTES,
                ConfigDef.Type.LONG,
                0L,
                between(0L, Long.MAX_VALUE),
                Importance.LOW,
                "Heap that all requests together may take: their bodies, what the bodies become, and the answers to them."
                        + " A request that needs more is refused with 413, one that finds it taken by others with 503."
                        + " 0: 28 % of the heap.");
        keys.group("Local data");
        keys.add(
                DATA_DIR,
                ConfigDef.Type.STRING,
                "./data",
                BridgeKeys::checkPath,
                Importance.HIGH,
                "Directory for everything the service keeps on this machine. One running service per directory.");
        keys.add(
                BUFFER_DIR,
                ConfigDef.Type.STRING,
                null,
                BridgeKeys::checkPath,
                Importance.MEDIUM,
                "Directory of the local log. Not set: `log` in `data.dir`.");
        keys.add(
                BUFFER_MAX_BYTES,
                ConfigDef.Type.LONG,
                8L << 30,
                between(16 << 10, Long.MAX_VALUE),
                Importance.HIGH,
                "Largest size of the local log. Above it pushes are refused with 503 until the database has taken some.");
        keys.add(
                BUFFER_SEGMENT_BYTES,
                ConfigDef.Type.LONG,
                64L << 20,
                between(SegmentLogConfig.MIN_SEGMENT_BYTES, SegmentLogConfig.MAX_SEGMENT_BYTES),
                Importance.LOW,
                "Size of one file of the local log. At most a quarter of `buffer.max.bytes`.");
        keys.add(
                BUFFER_FSYNC,
                ConfigDef.Type.STRING,
                "always",
                BridgeKeys::checkSyncPolicy,
                Importance.HIGH,
                "When the local log is synced to disk: `always` before an answer `buffered`, `interval:<ms>` that often, `os` whenever the system likes.");
        keys.add(
                BUFFER_LANES,
                ConfigDef.Type.INT,
                1,
                between(1, 64),
                Importance.LOW,
                "Independent logs, each with its own connection to the database. Messages of one partition stay in one.");
        keys.group("Database");
        keys.add(
                CONNECTION_URL,
                ConfigDef.Type.STRING,
                null,
                BridgeKeys::checkUrl,
                Importance.HIGH,
                "JDBC address of a PostgreSQL server, `jdbc:postgresql://host:port/database`. It has no user and password before the host. Not set: the service runs a PostgreSQL of its own in `data.dir`.");
        keys.add(
                CONNECTION_USER,
                ConfigDef.Type.STRING,
                null,
                null,
                Importance.HIGH,
                "User for `connection.url`. Wins over a user in the address.");
        keys.add(
                CONNECTION_PASSWORD,
                ConfigDef.Type.PASSWORD,
                null,
                null,
                Importance.HIGH,
                "Password for `connection.url`. Wins over a password in the address. Never logged. `${` in it is written `$${`; what `${env:…}` or `${file:…}` leads to is taken as it is.");
        keys.add(
                QUEUE_SCHEMA,
                ConfigDef.Type.STRING,
                "sluice",
                BridgeKeys::checkSchemaName,
                Importance.MEDIUM,
                "Schema that holds the queue.");
        keys.add(
                SCHEMA_APPLY,
                ConfigDef.Type.BOOLEAN,
                true,
                null,
                Importance.MEDIUM,
                "Whether to create and upgrade the schema at start. A schema that exists and belongs to the role is used, so the role need not be allowed to create schemas. `false` for a role that may create nothing: the schema is checked only.");
        keys.add(
                POSTGRES_PORT,
                ConfigDef.Type.INT,
                0,
                between(0, MAX_PORT),
                Importance.LOW,
                "Port of the service's own PostgreSQL, on 127.0.0.1. 0 takes a free one and keeps it as long as it stays free.");
        keys.group("Encryption");
        keys.add(
                ENCRYPTION_KEYS,
                ConfigDef.Type.PASSWORD,
                null,
                null,
                Importance.MEDIUM,
                "Keys for queues with the option `encryptionEnabled`: `id:key`, separated by commas, a key being 64 hexadecimal digits. Every service and connector on the database needs them. Never logged. A service that keeps its own database makes one, in the file `encryption.key` of `data.dir`.");
        keys.add(
                ENCRYPTION_KEY_ID,
                ConfigDef.Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "Id of the key that encrypts; the others only decrypt. Not set: the first.");
        keys.group("Push and drain");
        keys.add(
                DRAIN_MODE,
                ConfigDef.Type.STRING,
                "embedded",
                ConfigDef.ValidString.in("embedded", "kafka"),
                Importance.MEDIUM,
                "How messages get from the local log to the database. `embedded`: this process takes them there. `kafka`: this process takes them to a topic of Kafka, and the sink on a Connect worker from there to the database; `connection.url` is needed for pops then, and pushes are answered `buffered`. Can be changed while the local log is empty.");
        keys.add(
                DRAIN_BATCH_RECORDS,
                ConfigDef.Type.INT,
                20_000,
                between(1, 1_000_000),
                Importance.LOW,
                "Most messages moved to the database in one transaction.");
        keys.add(
                DRAIN_BATCH_BYTES,
                ConfigDef.Type.LONG,
                16L << 20,
                between(1 << 10, 1 << 30),
                Importance.LOW,
                "Bytes after which such a transaction takes no more messages; at most a 24th of the heap.");
        keys.add(
                DRAIN_LINGER_MS,
                ConfigDef.Type.INT,
                0,
                between(0, 10_000),
                Importance.LOW,
                "How long a transaction that is not full waits for more messages. 0 does not wait; while one is written the next collects anyway.");
        keys.add(
                DRAIN_RESTART_BACKOFF_MS,
                ConfigDef.Type.INT,
                5000,
                between(1, HOUR_MS),
                Importance.LOW,
                "Wait before moving on again after an error that trying again did not help.");
        keys.add(
                PUSH_DURABILITY,
                ConfigDef.Type.STRING,
                "stored",
                ConfigDef.ValidString.in("stored", "buffered"),
                Importance.MEDIUM,
                "What a push waits for when it does not say: `stored` for the database, `buffered` for the local disk.");
        keys.add(
                PUSH_STORED_TIMEOUT_MS,
                ConfigDef.Type.INT,
                1000,
                between(0, HOUR_MS),
                Importance.MEDIUM,
                "How long a push waits for the database before it is answered `buffered`.");
        keys.add(
                DEDUP_WINDOW_MS,
                ConfigDef.Type.LONG,
                (long) HOUR_MS,
                between(0, Long.MAX_VALUE / 1_000_000),
                Importance.MEDIUM,
                "How long a transaction id is remembered in queues without a `dedupWindowMs` of their own, so that the same message is not stored twice. 0 disables.");
        keys.add(
                DEDUP_MAX_IDS,
                ConfigDef.Type.INT,
                4_000_000,
                between(1, QueueWriterConfig.MAX_DEDUP_IDS),
                Importance.LOW,
                "Most transaction ids remembered at once, 16 to 32 bytes of memory each, and 450 for each of their partitions. There are"
                        + " at most an eighth as many partitions. With more ids, partitions not written to for an eighth of their"
                        + " window are forgotten, and read back from PostgreSQL when needed; of those in use only the newest"
                        + " ids are known. At most what fits into an eighth of the heap.");
        keys.group("Kafka");
        keys.add(
                KAFKA_TOPIC,
                ConfigDef.Type.STRING,
                "sluice.messages",
                ConfigDef.LambdaValidator.with(BridgeKeys::checkTopicName, () -> "a name of a topic"),
                Importance.MEDIUM,
                "Topic that messages of all queues go to with `drain.mode=kafka`. Any other key that begins with `kafka.` is passed, without it, to the producer and the admin client: `kafka.bootstrap.servers` (needed), `kafka.security.protocol`, `kafka.ssl.*`, `kafka.sasl.*`, `kafka.compression.type` and so on; not `acks`, `enable.idempotence`, `delivery.timeout.ms`, `retries`, serializers and `transactional.id`.");
        keys.add(
                KAFKA_TOPIC_CREATE,
                ConfigDef.Type.BOOLEAN,
                true,
                null,
                Importance.LOW,
                "Whether to make the topic if it is missing.");
        keys.add(
                KAFKA_TOPIC_PARTITIONS,
                ConfigDef.Type.INT,
                12,
                between(1, 10_000),
                Importance.LOW,
                "Partitions of the topic if it is made here. Changing them later moves the messages of a queue's partition to another one, where they can overtake.");
        keys.add(
                KAFKA_TOPIC_REPLICATION_FACTOR,
                ConfigDef.Type.INT,
                0,
                between(0, Short.MAX_VALUE),
                Importance.LOW,
                "Copies of the topic if the service makes it. All but one must have a message (`min.insync.replicas`). 0: three, or as many as there are brokers.");
        keys.group("Pop and acknowledge");
        keys.add(
                POP_THREADS,
                ConfigDef.Type.INT,
                4,
                between(1, 256),
                Importance.LOW,
                "Pops the database works on at once, each merged from any number of requests. As many connections.");
        keys.add(
                POP_MAX_PARKED,
                ConfigDef.Type.INT,
                20_000,
                between(1, 10_000_000),
                Importance.MEDIUM,
                "Most pops that wait at once. More are refused with 503.");
        keys.add(
                POP_MAX_BATCH,
                ConfigDef.Type.INT,
                10_000,
                between(1, 1_000_000),
                Importance.LOW,
                "Most messages in one pop. A request for more gets this many.");
        keys.add(
                RETENTION_INTERVAL_MS,
                ConfigDef.Type.LONG,
                300_000L,
                between(100, 24L * HOUR_MS),
                Importance.LOW,
                "Time between two sweeps that delete messages which the options of their queue let go.");
        keys.add(
                RETENTION_PARTITION_IDLE_DAYS,
                ConfigDef.Type.INT,
                (int) Retention.IDLE_PARTITIONS.toDays(),
                between(0, MAX_IDLE_DAYS),
                Importance.LOW,
                "Days without a push after which a partition is deleted that holds nothing. 0 keeps all.");
        keys.add(
                POP_MAX_BYTES,
                ConfigDef.Type.LONG,
                QueueConfig.DEFAULT_POP_MAX_BYTES,
                between(1, 1L << 30),
                Importance.LOW,
                "Most bytes of payloads in one transaction of pops, for all the requests it serves. What is beyond is left to the"
                        + " next; a single message may be larger. At most a 24th of the heap.");
        keys.add(
                POP_MAX_TIMEOUT_MS,
                ConfigDef.Type.INT,
                600_000,
                between(0, 24 * HOUR_MS),
                Importance.LOW,
                "Longest wait of a pop. A request for more waits this long.");
        keys.add(
                POP_POLL_INTERVAL_MS,
                ConfigDef.Type.INT,
                1000,
                between(1, HOUR_MS),
                Importance.LOW,
                "How often waiting pops look for messages that came by another way than this service.");
        keys.add(
                POP_STATEMENT_TIMEOUT_MS,
                ConfigDef.Type.INT,
                4000,
                between(100, HOUR_MS),
                Importance.LOW,
                "Longest time the database may work on one statement of a pop or an acknowledgement; then it is tried again.");
        keys.add(
                ACK_THREADS,
                ConfigDef.Type.INT,
                2,
                between(1, 256),
                Importance.LOW,
                "Transactions of acknowledgements at once, each merged from any number of requests. As many connections.");
        keys.add(
                ACK_MAX_PENDING,
                ConfigDef.Type.INT,
                200_000,
                between(1, 10_000_000),
                Importance.LOW,
                "Most acknowledgements that wait at once. More are refused with 503.");
        keys.group("Administration");
        keys.add(
                ADMINISTRATION_CONNECTIONS,
                ConfigDef.Type.INT,
                4,
                between(1, 256),
                Importance.LOW,
                "Requests of administration (queues, groups, dead letters, leases) that change something and that the database works on at once. As many connections.");
        keys.add(
                ADMINISTRATION_READERS,
                ConfigDef.Type.INT,
                2,
                between(1, 64),
                Importance.LOW,
                "Requests that only read (lists, messages, statistics) and that the database works on at once. As many connections more.");
        keys.add(
                TRANSACTION_CONNECTIONS,
                ConfigDef.Type.INT,
                2,
                between(1, 256),
                Importance.LOW,
                "Transactions (POST /api/v1/transaction) the database works on at once. As many connections.");
        keys.add(
                PUSH_LEGACY_CONNECTIONS,
                ConfigDef.Type.INT,
                2,
                between(1, 256),
                Importance.LOW,
                "Pushes without the local log (POST /api/v1/push-legacy) the database works on at once. As many connections.");
        keys.add(
                MIGRATION_ENABLED,
                ConfigDef.Type.BOOLEAN,
                false,
                null,
                Importance.LOW,
                "Whether `/api/v1/migration/…` may copy everything into a database that the request names. `false`: these routes answer 403.");
        keys.group("Authentication");
        keys.add(
                AUTH_JWT_ENABLED,
                ConfigDef.Type.BOOLEAN,
                false,
                null,
                Importance.HIGH,
                "Whether requests need a JSON Web Token, `Authorization: Bearer …`. `false`: everybody who reaches the port may do everything.");
        keys.add(
                AUTH_JWT_ALGORITHM,
                ConfigDef.Type.STRING,
                "HS256",
                ConfigDef.ValidString.in("HS256", "RS256", "EdDSA", "auto"),
                Importance.HIGH,
                "How tokens are signed. `HS256` needs `auth.jwt.secret`; `RS256` (which includes RS384 and RS512) and `EdDSA` (Ed25519) need `auth.jwt.public.key` or `auth.jwt.jwks.url`; `auto`: any of them that a key is given for.");
        keys.add(
                AUTH_JWT_SECRET,
                ConfigDef.Type.PASSWORD,
                null,
                null,
                Importance.HIGH,
                "Secret of HS256, 32 bytes or more. Never logged.");
        keys.add(
                AUTH_JWT_PUBLIC_KEY,
                ConfigDef.Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "PEM of the RSA or Ed25519 public key; line ends may be written as `\\n`.");
        keys.add(
                AUTH_JWT_JWKS_URL,
                ConfigDef.Type.STRING,
                null,
                BridgeKeys::checkJwksUrl,
                Importance.MEDIUM,
                "Where the issuer publishes its public keys as a JWK set, https or http. `user:password@` before the host is sent as basic authentication and never logged. Not together with `auth.jwt.public.key`.");
        keys.add(
                AUTH_JWT_JWKS_MAX_AGE_MS,
                ConfigDef.Type.INT,
                600_000,
                between(1, 24 * HOUR_MS),
                Importance.LOW,
                "Age after which the keys of `auth.jwt.jwks.url` are fetched again. The old ones stay in use until new ones have come.");
        keys.add(
                AUTH_JWT_JWKS_REFRESH_MS,
                ConfigDef.Type.INT,
                30_000,
                between(1, HOUR_MS),
                Importance.LOW,
                "Shortest time between two fetches because a token names a key that is not known.");
        keys.add(
                AUTH_JWT_JWKS_TIMEOUT_MS,
                ConfigDef.Type.INT,
                5_000,
                between(1, 60_000),
                Importance.LOW,
                "Longest time of one fetch.");
        keys.add(
                AUTH_JWT_JWKS_WAIT_MS,
                ConfigDef.Type.INT,
                500,
                between(0, 10_000),
                Importance.LOW,
                "How long after the beginning of a fetch a request with an unknown key still waits for it. Then the answer is 503. Requests with a known key never wait.");
        keys.add(
                AUTH_JWT_ISSUER,
                ConfigDef.Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "What `iss` of a token must be. Not set: anything.");
        keys.add(
                AUTH_JWT_AUDIENCE,
                ConfigDef.Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "What `aud` of a token must be or contain. Not set: anything.");
        keys.add(
                AUTH_JWT_CLOCK_SKEW_MS,
                ConfigDef.Type.INT,
                30_000,
                between(0, HOUR_MS),
                Importance.LOW,
                "How far the clocks of the issuer and of this machine may be apart.");
        keys.add(
                AUTH_JWT_ROLE_CLAIM,
                ConfigDef.Type.STRING,
                "role",
                new ConfigDef.NonEmptyString(),
                Importance.LOW,
                "Claim with the role, a string.");
        keys.add(
                AUTH_JWT_ROLES_CLAIM,
                ConfigDef.Type.STRING,
                "roles",
                new ConfigDef.NonEmptyString(),
                Importance.LOW,
                "Claim with several roles, an array of strings. The highest counts.");
        keys.add(
                AUTH_JWT_ROLE_ADMIN,
                ConfigDef.Type.STRING,
                "admin",
                new ConfigDef.NonEmptyString(),
                Importance.LOW,
                "Name of the role that may do everything.");
        keys.add(
                AUTH_JWT_ROLE_READ_WRITE,
                ConfigDef.Type.STRING,
                "read-write",
                new ConfigDef.NonEmptyString(),
                Importance.LOW,
                "Name of the role that may push, pop, acknowledge, configure and read.");
        keys.add(
                AUTH_JWT_ROLE_READ_ONLY,
                ConfigDef.Type.STRING,
                "read-only",
                new ConfigDef.NonEmptyString(),
                Importance.LOW,
                "Name of the role that may read.");
        keys.add(
                AUTH_SKIP_PATHS,
                ConfigDef.Type.LIST,
                "/health,/metrics/prometheus,/metrics,/",
                null,
                Importance.LOW,
                "Paths that need no token, besides those that are open to everybody anyway. Exact; one that ends in `/` and is longer stands for all that begin with it.");
        keys.group("Stop");
        keys.add(
                SHUTDOWN_GRACE_MS,
                ConfigDef.Type.INT,
                0,
                between(0, HOUR_MS),
                Importance.MEDIUM,
                "How long a stop goes on serving while `/ready` answers 503, so that a load balancer sends no more before connections are refused. Behind one: its interval between checks times the failed checks it asks for, and a second more; 0: refuse at once.");
        keys.add(
                SHUTDOWN_TIMEOUT_MS,
                ConfigDef.Type.INT,
                15_000,
                between(0, HOUR_MS),
                Importance.MEDIUM,
                "How long a stop may take to move what is in the local log on to the database. What is left is moved after the next start.");
        keys.group("Metrics");
        keys.add(
                METRICS_MAX_QUEUES,
                ConfigDef.Type.INT,
                200,
                between(0, 100_000),
                Importance.LOW,
                "Most queues that are counted by name. What happens in others is counted together.");
        keys.add(
                METRICS_RETENTION_DAYS,
                ConfigDef.Type.INT,
                90,
                between(1, 10_000),
                Importance.LOW,
                "Days for which counts by minute, and traces of messages, are kept.");
        return keys.definition;
    }

    /** Collects keys with their group and place in it. */
    private static final class Keys {
        private final ConfigDef definition = new ConfigDef();
        private String group = "";
        private int place;

        void group(String name) {
            group = name;
            place = 0;
        }

        void add(
                String key,
                ConfigDef.Type type,
                @Nullable Object byDefault,
                @Nullable Validator validator,
                Importance importance,
                String sentence) {
            definition.define(key, type, byDefault, validator, importance, sentence, group, ++place, Width.MEDIUM, key);
        }
    }

    private static void checkSyncPolicy(String key, @Nullable Object value) {
        try {
            SyncPolicy.parse(String.valueOf(value));
        } catch (IllegalArgumentException e) {
            throw new org.apache.kafka.common.config.ConfigException(key, value, e.getMessage());
        }
    }

    /** Says nothing of the value: an address may hold a password. */
    private static void checkUrl(String key, @Nullable Object value) {
        if (value != null) {
            check(key, () -> ConnectionUrl.parse(String.valueOf(value)));
        }
    }

    private static void checkJwksUrl(String key, @Nullable Object value) {
        if (value != null) {
            try {
                JwksConfig.address(String.valueOf(value));
            } catch (IllegalArgumentException e) {
                throw new org.apache.kafka.common.config.ConfigException(e.getMessage()); // Names the key.
            }
        }
    }

    private static void checkHost(String key, @Nullable Object value) {
        check(key, () -> ListenAddress.check(String.valueOf(value)));
    }

    private static void checkPath(String key, @Nullable Object value) {
        if (value != null) {
            String problem = NativeLocale.of(System.getenv()).problemOfPath(String.valueOf(value));
            if (problem != null) {
                throw new org.apache.kafka.common.config.ConfigException(key + " " + problem);
            }
        }
    }

    private static void check(String key, Runnable check) {
        try {
            check.run();
        } catch (IllegalArgumentException e) {
            throw new org.apache.kafka.common.config.ConfigException(key + " " + e.getMessage());
        }
    }

    private static void checkTopicName(String key, @Nullable Object value) {
        if (!TopicNames.isPossible(String.valueOf(value))) {
            throw new org.apache.kafka.common.config.ConfigException(
                    key,
                    value,
                    "must be 1 to " + TopicNames.MAX_LENGTH
                            + " letters, digits, dots, underscores and hyphens, and none of" + " Kafka's own topics");
        }
    }

    private static void checkSchemaName(String key, @Nullable Object value) {
        if (!SCHEMA_NAME.matcher(String.valueOf(value)).matches()) {
            throw new org.apache.kafka.common.config.ConfigException(
                    key, value, "must be 1 to 63 lower-case letters, digits and _, not starting with a digit");
        }
    }
}
