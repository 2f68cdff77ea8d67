package dev.sluice.bridge.config;

import dev.sluice.bridge.drain.kafka.KafkaConfig;
import dev.sluice.bridge.schedule.ScheduleConfig;
import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.work.HandlerConfig;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;

/**
 * Parses settings: first each key alone, then all values together. It collects all problems. A cross check is left out
 * if a value that it needs is wrong by itself.
 */
final class ConfigParser {
    private static final String BOOTSTRAP_SERVERS = KafkaSettings.PREFIX + "bootstrap.servers";

    private final ConfigSources.Found found;
    private final List<String> problems = new ArrayList<>();
    /** Keys whose value is wrong by itself; {@code kafka.} for any property of the clients of Kafka. */
    private final Set<String> wrong = new TreeSet<>();

    ConfigParser(ConfigSources.Found found) {
        this.found = found;
    }

    /**
     * Parses the settings.
     *
     * @throws ConfigException with all problems
     */
    BridgeConfig parse() throws ConfigException {
        problems.addAll(found.problems().values());
        wrong.addAll(found.problems().keySet());
        Map<String, String> kafkaClients = kafkaClients();
        var values = new Values(parsed());
        List<HandlerConfig> handlers = new HandlerParser(found.values(), this::problemOfHandler).parse();
        List<ScheduleConfig.Declared> schedules = new ScheduleParser(found.values(), problems::add).parse();
        var config = new BridgeConfig(values, kafkaClients, handlers, schedules, found.aliases());
        check(config, values);
        if (!problems.isEmpty()) {
            // Any value may be an address with a password, put there by mistake.
            throw new ConfigException(problems.stream().map(Secrets::line).toList());
        }
        return config;
    }

    private void problemOfHandler(String problem) {
        String alias = found.aliases().keySet().stream()
                .filter(key -> problem.startsWith(key + " "))
                .findFirst()
                .orElse("");
        problems.add(withAlias(alias, problem));
    }

    /** Adds the variable of another service that has set a key, if one has. */
    private String withAlias(String key, String problem) {
        String variable = found.aliases().get(key);
        return variable == null ? problem : problem + " (set by the variable " + variable + ")";
    }

    /** Returns the properties of the clients of Kafka. Every other key that is not ours is a problem. */
    private Map<String, String> kafkaClients() {
        var clients = new TreeMap<String, String>();
        found.values().forEach((key, value) -> {
            if (BridgeKeys.find(key) != null || HandlerParser.owns(key) || ScheduleParser.owns(key)) {
                return;
            }
            String property = key.startsWith(KafkaSettings.PREFIX) ? key.substring(KafkaSettings.PREFIX.length()) : "";
            if (KafkaConfig.FIXED.containsKey(property)) {
                problems.add(key + " cannot be set: it is always " + KafkaConfig.FIXED.get(property));
            } else if (KafkaConfig.clientProperties().contains(property)) {
                clients.put(property, value);
            } else {
                problems.add(BridgeKeys.unknown(key));
            }
        });
        Collection<String> clientProblems = KafkaConfig.problems(clients);
        problems.addAll(clientProblems);
        if (!clientProblems.isEmpty()) {
            wrong.add(KafkaSettings.PREFIX);
        }
        return clients;
    }

    /** Returns the values that are given and valid, by key. */
    private Map<String, Object> parsed() {
        var parsed = new HashMap<String, Object>();
        BridgeKeys.all().forEach(key -> {
            String text = found.values().get(key.name());
            if (text == null || (text.isBlank() && !key.takesEmptyText())) {
                return;
            }
            try {
                parsed.put(key.name(), key.parse(text));
            } catch (IllegalArgumentException e) {
                problems.add(withAlias(key.name(), String.valueOf(e.getMessage())));
                wrong.add(key.name());
            }
        });
        return parsed;
    }

    private void check(BridgeConfig config, Values values) {
        if (isValid(PostgresSettings.URL)) {
            checkDatabase(values);
        }
        if (isValid(DrainSettings.MODE)) {
            checkDrain(config);
        }
        checkPart(List.of("encryption."), config::cipher);
        checkPart(List.of("encryption.", "buffer.", "http.max.", DataSettings.DATA_DIRECTORY.name()), config::data);
        checkPart(List.of("encryption.", "queue.", "pop."), config::queue);
        checkPart(List.of("pop."), config::pop);
        checkPart(List.of("outbound."), config::outbound);
        checkPart(List.of("http.", "pop.", "push.", "auth."), config::http);
    }

    private boolean isValid(Key<?> key) {
        return !wrong.contains(key.name());
    }

    /**
     * Makes the configuration of a part, which checks how its values fit together.
     *
     * @param prefixes beginnings of the keys that the part reads
     */
    private void checkPart(List<String> prefixes, Supplier<?> part) {
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

    private void checkDatabase(Values values) {
        if (values.get(PostgresSettings.URL).isPresent()) {
            return;
        }
        if (values.get(PostgresSettings.USER).isPresent()
                || values.get(PostgresSettings.PASSWORD).isPresent()) {
            problems.add(PostgresSettings.USER.name() + " and " + PostgresSettings.PASSWORD.name()
                    + " have no use without " + PostgresSettings.URL.name());
        }
        int port = values.get(PostgresSettings.PORT);
        if (port != 0
                && port == values.get(HttpSettings.PORT)
                && isValid(HttpSettings.PORT)
                && isValid(PostgresSettings.PORT)) {
            problems.add(PostgresSettings.PORT.name() + " and " + HttpSettings.PORT.name() + " must differ, both are "
                    + port);
        }
    }

    private void checkDrain(BridgeConfig config) {
        String mode = DrainSettings.MODE.name() + "=kafka";
        Set<String> clients = config.kafkaClients().keySet();
        if (!config.drain().toKafka()) {
            clients.stream()
                    .findFirst()
                    .ifPresent(first -> problems.add(KafkaSettings.PREFIX + first + " has no use without " + mode));
            return;
        }
        if (config.postgres().server().isEmpty() && isValid(PostgresSettings.URL)) {
            problems.add(PostgresSettings.URL.name() + " must be set with " + mode
                    + ": the database the workers write to, which pops read");
        }
        if (wrong.contains(BOOTSTRAP_SERVERS)) {
            return;
        }
        if (!clients.contains(BOOTSTRAP_SERVERS.substring(KafkaSettings.PREFIX.length()))) {
            problems.add(BOOTSTRAP_SERVERS + " must be set with " + mode);
        } else {
            checkPart(List.of(KafkaSettings.PREFIX), () -> config.kafka().producer());
        }
    }
}
