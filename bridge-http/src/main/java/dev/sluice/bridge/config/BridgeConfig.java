package dev.sluice.bridge.config;

import dev.sluice.bridge.api.HttpService;
import dev.sluice.bridge.drain.DrainConfig;
import dev.sluice.bridge.drain.kafka.KafkaConfig;
import dev.sluice.bridge.endpoint.EndpointConfig;
import dev.sluice.bridge.notice.NoticeConfig;
import dev.sluice.bridge.outbound.OutboundSettings;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.bridge.schedule.ScheduleConfig;
import dev.sluice.bridge.subscribe.SubscriptionLimits;
import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.work.HandlerConfig;
import dev.sluice.bridge.work.WorkConfig;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The configuration of a service: valid, and split into the settings of each part. */
public final class BridgeConfig {
    private final Values values;
    /** Properties of the clients of Kafka, without the prefix. */
    private final NavigableMap<String, String> kafkaClients;

    private final List<HandlerConfig> handlers;
    private final List<ScheduleConfig.Declared> schedules;
    /** Keys that variables of another service have set, with the variables. */
    private final Map<String, String> aliases;

    private @Nullable PayloadCipher cipher;

    BridgeConfig(
            Values values,
            Map<String, String> kafkaClients,
            List<HandlerConfig> handlers,
            List<ScheduleConfig.Declared> schedules,
            Map<String, String> aliases) {
        this.values = values;
        this.schedules = List.copyOf(schedules);
        this.handlers = List.copyOf(handlers);
        this.aliases = Collections.unmodifiableMap(new TreeMap<>(aliases));
        this.kafkaClients = Collections.unmodifiableNavigableMap(new TreeMap<>(kafkaClients));
    }

    /**
     * Checks settings.
     *
     * @param settings key to value as text; a missing key has its default
     * @throws ConfigException with all problems
     */
    public static BridgeConfig parse(Map<String, String> settings) throws ConfigException {
        return parse(new ConfigSources.Found(settings, Map.of()));
    }

    /** Checks the settings that the sources hold, and reports the problems of the sources together with others. */
    public static BridgeConfig parse(ConfigSources.Found found) throws ConfigException {
        return new ConfigParser(found).parse();
    }

    /** Returns all settings for the log, one per line, without secrets. */
    public String describe() {
        var text = new StringBuilder();
        values.shown()
                .forEach((key, value) ->
                        text.append("\n  ").append(key).append(" = ").append(value));
        kafkaClients.forEach((property, value) -> text.append("\n  ")
                .append(KafkaSettings.PREFIX)
                .append(property)
                .append(" = ")
                .append(KafkaConfig.isSecret(property) ? Secrets.HIDDEN : Secrets.hidden(value)));
        handlers.forEach(handler -> describe(handler, text));
        schedules.forEach(each -> text.append("\n  ")
                .append(ScheduleKeys.PREFIX)
                .append(each.spec().name())
                .append(" = ")
                .append(Secrets.hidden(each.spec().words())));
        return text.toString();
    }

    private static void describe(HandlerConfig handler, StringBuilder text) {
        String beginning = "\n  " + HandlerSettingsKeys.PREFIX + handler.name() + ".";
        text.append(beginning).append("type = ").append(handler.type());
        text.append(beginning).append("work.type = ").append(handler.workType());
        text.append(beginning).append("settings = ").append(handler.settings());
        new TreeMap<>(handler.config())
                .forEach((key, value) -> text.append(beginning)
                        .append(HandlerSettingsKeys.CONFIG)
                        .append(key)
                        .append(" = ")
                        .append(Secrets.isName(key) ? Secrets.HIDDEN : Secrets.hidden(value)));
    }

    /** Returns the keys that variables of another service have set, each with its variable. */
    public Map<String, String> aliases() {
        return aliases;
    }

    public HttpService.Config http() {
        return HttpSettings.service(values);
    }

    public DataSettings data() {
        return DataSettings.of(values, cipher().hasKey());
    }

    public PostgresSettings postgres() {
        return PostgresSettings.of(values);
    }

    public DrainSettings drain() {
        return DrainSettings.of(values);
    }

    /** Returns how the drain moves the local log to the database at {@code address}. */
    public DrainConfig drainInto(Database.Address address) {
        return DrainSettings.drain(values, address);
    }

    /** Returns the configuration of a drain into Kafka. */
    public KafkaConfig kafka() {
        return KafkaSettings.kafka(values, kafkaClients);
    }

    NavigableMap<String, String> kafkaClients() {
        return kafkaClients;
    }

    public PopSettings pop() {
        return PopSettings.of(values);
    }

    public QueueConfig queue() {
        return PopSettings.queue(values, cipher());
    }

    /** Returns the configuration of a writer that writes little beside the drain, and so need not remember much. */
    public QueueWriterConfig smallWriter() {
        return DrainSettings.smallWriter(values, cipher());
    }

    /** Returns the settings of the work engine. */
    public WorkConfig work() {
        return WorkSettings.of(values, cipher(), handlers);
    }

    /** Returns the settings of schedules. */
    public ScheduleConfig schedules() {
        return ScheduleKeys.of(values, cipher(), schedules);
    }

    /** Returns the settings of calls to addresses that others have chosen. */
    public OutboundSettings outbound() {
        return OutboundKeys.of(values);
    }

    public EndpointConfig endpoints() {
        return EndpointKeys.endpoints(values, cipher());
    }

    public NoticeConfig notices() {
        return EndpointKeys.notices(values);
    }

    /** Returns the bounds of subscriptions. */
    public SubscriptionLimits subscriptions() {
        return SubscribeSettings.limits(values);
    }

    public RetentionSettings retention() {
        return RetentionSettings.of(values);
    }

    public AdministrationSettings administration() {
        return AdministrationSettings.of(values);
    }

    public MetricsSettings metrics() {
        return MetricsSettings.of(values);
    }

    public StopSettings stop() {
        return StopSettings.of(values);
    }

    /** Returns the cipher for payloads; always the same object. */
    public PayloadCipher cipher() {
        PayloadCipher made = cipher;
        if (made == null) {
            made = EncryptionSettings.cipher(values);
            cipher = made;
        }
        return made;
    }

    /** Returns the same settings with these keys, in the form of {@code encryption.keys}. */
    public BridgeConfig withEncryptionKeys(String keys) {
        return new BridgeConfig(
                values.with(EncryptionSettings.KEYS, Optional.of(keys)), kafkaClients, handlers, schedules, aliases);
    }
}
