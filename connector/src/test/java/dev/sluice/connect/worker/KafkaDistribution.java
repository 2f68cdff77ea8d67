package dev.sluice.connect.worker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;

/**
 * A folder with the programs of a Kafka distribution that the pages name, and with {@code config/server.properties}.
 *
 * <p>The programs are scripts that start the same main classes as those of the distribution, from the jars of
 * {@code connector/workers/current}. Each writes its process id to {@code pids}, so that a test can end what is left.
 */
public final class KafkaDistribution {
    private static final Map<String, String> PROGRAMS = Map.of(
            "kafka-storage", "kafka.tools.StorageTool",
            "kafka-server-start", "kafka.Kafka",
            "kafka-topics", "org.apache.kafka.tools.TopicCommand",
            "kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer",
            "kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer",
            "connect-standalone", "org.apache.kafka.connect.cli.ConnectStandalone");

    private static final String PROGRAM = """
            #!/usr/bin/env bash
            if [ "${1:-}" = -daemon ]; then
              shift
              nohup "$0" "$@" > "@FOLDER@/daemon.log" 2>&1 < /dev/null &
              exit 0
            fi
            echo $$ >> "@FOLDER@/pids"
            echo $$ > "@FOLDER@/@NAME@.pid"
            exec "@JAVA@" @OPTIONS@ -cp "@CLASSPATH@" @MAIN@ "$@"
            """;

    private static final String STOP = """
            #!/usr/bin/env bash
            kill "$(cat "@FOLDER@/kafka-server-start.pid")"
            """;

    private final Path folder;

    private KafkaDistribution(Path folder) {
        this.folder = folder;
    }

    /**
     * Makes the folder.
     *
     * @param port of the broker that {@code config/server.properties} describes, on this machine
     */
    public static KafkaDistribution make(Path folder, int port) throws IOException {
        var distribution = new KafkaDistribution(folder);
        Path bin = Files.createDirectories(folder.resolve("bin"));
        Path config = Files.createDirectories(folder.resolve("config"));
        for (Map.Entry<String, String> each : PROGRAMS.entrySet()) {
            distribution.script(bin.resolve(each.getKey() + ".sh"), each.getKey(), each.getValue(), PROGRAM);
        }
        distribution.script(bin.resolve("kafka-server-stop.sh"), "", "", STOP);
        int controllerPort = Ports.free();
        Files.writeString(
                config.resolve("server.properties"),
                String.join(
                        "\n",
                        "process.roles=broker,controller",
                        "node.id=1",
                        "controller.quorum.bootstrap.servers=localhost:" + controllerPort,
                        "listeners=PLAINTEXT://:" + port + ",CONTROLLER://:" + controllerPort,
                        "advertised.listeners=PLAINTEXT://localhost:" + port + ",CONTROLLER://localhost:"
                                + controllerPort,
                        "inter.broker.listener.name=PLAINTEXT",
                        "controller.listener.names=CONTROLLER",
                        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                        "log.dirs=" + folder.resolve("data"),
                        "offsets.topic.replication.factor=1",
                        "share.coordinator.state.topic.replication.factor=1",
                        "share.coordinator.state.topic.min.isr=1",
                        "transaction.state.log.replication.factor=1",
                        "transaction.state.log.min.isr=1",
                        ""));
        return distribution;
    }

    private void script(Path file, String name, String mainClass, String text) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Files.writeString(
                file,
                text.replace("@FOLDER@", folder.toString())
                        .replace("@NAME@", name)
                        .replace("@JAVA@", java)
                        .replace("@OPTIONS@", String.join(" ", KafkaJvm.Tuning.TESTS.options()))
                        .replace("@CLASSPATH@", KafkaJvm.classPath("current"))
                        .replace("@MAIN@", mainClass));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** Ends the programs of this folder that still run. */
    public void end() throws IOException {
        Path pids = folder.resolve("pids");
        List<String> lines = Files.exists(pids) ? Files.readAllLines(pids) : List.of();
        for (String pid : lines) {
            ProcessHandle.of(Long.parseLong(pid.strip())).filter(this::isOurs).ifPresent(process -> {
                process.destroyForcibly();
                process.onExit().join();
            });
        }
    }

    /** Returns false if the system has given the id of an ended program to another process. */
    private boolean isOurs(ProcessHandle process) {
        String command = process.info().command().orElse("");
        return command.startsWith(System.getProperty("java.home"));
    }
}
