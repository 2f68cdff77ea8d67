package dev.sluice.connect.worker;

import com.sun.tools.attach.VirtualMachine;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import org.jspecify.annotations.Nullable;

/** A program of Kafka in its own JVM. It ends when this JVM ends. */
final class KafkaJvm {
    private static final long STOP_SECONDS = 60;
    /** The property with the name of this JVM among those. */
    private static final String FORK = "sluice.test.fork";

    /** The purpose of a JVM. */
    record Tuning(List<String> options) {
        /** The JVM starts fast and needs little memory. */
        static final Tuning TESTS = new Tuning(List.of("-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));

        /** The JVM runs as in production. It logs less: a log line for each batch would cost a sink measurable time. */
        static final Tuning BENCHMARKS = new Tuning(List.of("-Xmx1g", "-Dorg.slf4j.simpleLogger.log.io.aiven=warn"));

        /** Returns the same with further options, separated by spaces. */
        Tuning with(String more) {
            var all = new ArrayList<>(options);
            all.addAll(Arrays.stream(more.split(" "))
                    .filter(each -> !each.isEmpty())
                    .toList());
            return new Tuning(List.copyOf(all));
        }
    }

    private final String name;
    private final Path output;
    private final Process process;

    private KafkaJvm(String name, Path output, Process process) {
        this.name = name;
        this.output = output;
        this.process = process;
    }

    /**
     * Starts a program.
     *
     * @param name of the log below {@code target/kafka}
     * @param release the module under {@code connector/workers} that lists its jars
     */
    static KafkaJvm start(String name, String release, String mainClass, String... arguments) {
        return start(name, release, Tuning.TESTS, mainClass, arguments);
    }

    /** Starts a program for another purpose. */
    static KafkaJvm start(String name, String release, Tuning tuning, String mainClass, String... arguments) {
        try {
            Path output = logs().resolve(name + ".log");
            Process process = new ProcessBuilder(command(release, tuning, mainClass, arguments))
                    .redirectErrorStream(true)
                    .redirectOutput(Redirect.appendTo(output.toFile()))
                    .start();
            return new KafkaJvm(name, output, process);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> command(String release, Tuning tuning, String mainClass, String... arguments)
            throws IOException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(tuning.options);
        command.add("-Dorg.slf4j.simpleLogger.showDateTime=true");
        command.add("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS");
        command.add("-cp");
        command.add(classPath(release) + File.pathSeparator + ownClasses());
        command.add(EndWithParent.class.getName());
        command.add(mainClass);
        command.addAll(List.of(arguments));
        return command;
    }

    /** Returns the directory for logs and data of these processes. Each JVM that Maven starts for tests has its own. */
    static Path logs() throws IOException {
        Path directory = Path.of("target", "kafka", System.getProperty(FORK, ""));
        return Files.createDirectories(directory.toAbsolutePath());
    }

    static String classPath(String release) {
        Path file = Path.of("..", "connector", "workers", release, "target", "class-path.txt");
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(
                    file + " is made by the module connector/workers/" + release
                            + "; build it too, up to integration-test: mvn -pl connector/workers/" + release + ",…",
                    e);
        }
    }

    /**
     * Returns a directory that contains only {@link EndWithParent}. So a worker finds the classes of the plug-in only
     * on its {@code plugin.path}.
     */
    private static Path ownClasses() throws IOException {
        Path directory = logs().resolve("classes");
        String name = EndWithParent.class.getName().replace('.', '/') + ".class";
        Path file = directory.resolve(name);
        Files.createDirectories(file.getParent());
        try (InputStream in = EndWithParent.class.getClassLoader().getResourceAsStream(name)) {
            Files.write(file, in.readAllBytes());
        }
        return directory;
    }

    /** Reads an attribute of the first bean with a name in the process by JMX; returns null if there is none. */
    @SuppressWarnings("BanJNDI") // This test has started the process at that address.
    @Nullable
    Object attribute(String name, String attribute) throws Exception {
        VirtualMachine machine = VirtualMachine.attach(String.valueOf(process.pid()));
        try (JMXConnector connector =
                JMXConnectorFactory.connect(new JMXServiceURL(machine.startLocalManagementAgent()))) {
            MBeanServerConnection server = connector.getMBeanServerConnection();
            for (ObjectName bean : server.queryNames(new ObjectName(name), null)) {
                return server.getAttribute(bean, attribute);
            }
            return null;
        } finally {
            machine.detach();
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Waits for a program that ends by itself. */
    void awaitSuccess() throws InterruptedException {
        if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
            kill();
            throw new IllegalStateException(failure("did not succeed"));
        }
    }

    /** Ends the program as {@code SIGTERM} does, or after a minute as {@code kill -9} does. */
    void stop() throws InterruptedException {
        process.destroy();
        if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
            kill();
        }
    }

    /** Ends the program as {@code kill -9} does. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Returns a description of a problem, with the end of the program's output. */
    String failure(String what) {
        try {
            List<String> lines = Files.readAllLines(output);
            List<String> last = lines.subList(Math.max(0, lines.size() - 60), lines.size());
            return name + " " + what + ", " + output + " ends with:\n" + String.join("\n", last);
        } catch (IOException e) {
            return name + " " + what + ", and " + output + " cannot be read: " + e;
        }
    }
}
