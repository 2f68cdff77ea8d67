package dev.sluice.bridge;

import dev.sluice.bridge.bench.BenchCommand;
import dev.sluice.bridge.bench.growth.GrowthCommand;
import dev.sluice.bridge.cli.BufferCommand;
import dev.sluice.bridge.cli.BufferSettings;
import dev.sluice.bridge.cli.UsageException;
import dev.sluice.bridge.config.BridgeConfig;
import dev.sluice.bridge.config.ConfigSources;
import dev.sluice.bridge.config.DataSettings;
import dev.sluice.bridge.config.Secrets;
import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.system.NativeLocale;
import dev.sluice.bridge.system.StartException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The command line: {@code up [--config FILE]}, {@code work [--config FILE]}, {@code buffer …} or {@code bench …}. The
 * script {@code sluice} calls it.
 */
public final class Main {
    private static final Logger log = LoggerFactory.getLogger(Main.class);

    private static final int FAILED = 1;
    private static final int WRONG_USAGE = 2;

    private Main() {}

    /**
     * Runs the service, or its handlers only, until the process is told to end. Exits with 1 if it cannot start, and
     * with 2 if the arguments are wrong. Or runs a {@link BufferCommand} or a {@link BenchCommand}, which have exit
     * codes of their own.
     */
    public static void main(String[] arguments) {
        int status = run(List.of(arguments), System.getenv(), System.out, System.err);
        if (status != 0) {
            System.exit(status);
        }
    }

    /** Runs a command and returns the exit code of the process. */
    static int run(List<String> arguments, Map<String, String> environment, PrintStream out, PrintStream err) {
        Queue<String> rest = new ArrayDeque<>(arguments);
        String command = rest.poll();
        if ("buffer".equals(command)) {
            return BufferCommand.run(
                    List.copyOf(rest),
                    (file, directory) -> bufferSettings(file, directory, environment),
                    System.in,
                    out,
                    err);
        }
        if ("bench".equals(command)) {
            return rest.contains(GrowthCommand.OPTION)
                    ? GrowthCommand.run(List.copyOf(rest), out, err)
                    : BenchCommand.run(List.copyOf(rest), out, err);
        }
        if (!"up".equals(command) && !"work".equals(command)) {
            err.println("sluice: the command must be: up [--config FILE], work [--config FILE], buffer or bench");
            return WRONG_USAGE;
        }
        Path file = null;
        while (!rest.isEmpty()) {
            String option = rest.remove();
            if (!option.equals("--config") || rest.isEmpty()) {
                err.println("sluice: " + command + " takes --config FILE, not " + option);
                return WRONG_USAGE;
            }
            String name = rest.remove();
            String problem = NativeLocale.of(environment).problemOfPath(name);
            if (problem != null) {
                err.println("sluice: the path of --config " + problem);
                return WRONG_USAGE;
            }
            file = Path.of(name);
        }
        return serve(command.equals("work"), file, environment, out, err);
    }

    private static BufferSettings bufferSettings(
            @Nullable Path file, @Nullable Path directory, Map<String, String> environment) throws UsageException {
        try {
            ConfigSources.Found found = ConfigSources.find(file, environment);
            if (directory != null) {
                found = found.with(DataSettings.BUFFER_DIR, directory.toString());
            }
            DataSettings data = BridgeConfig.parse(found).data();
            return new BufferSettings(data.lanes(), data.log());
        } catch (ConfigException e) {
            throw new UsageException(e.problems().stream().map(Secrets::line).toList());
        }
    }

    private static int serve(
            boolean onlyWorks, @Nullable Path file, Map<String, String> environment, PrintStream out, PrintStream err) {
        try {
            BridgeConfig config = BridgeConfig.parse(ConfigSources.find(file, environment));
            if (onlyWorks) {
                work(config, out);
            } else {
                up(config, out);
            }
            return 0;
        } catch (ConfigException e) {
            e.problems().forEach(problem -> err.println("sluice: " + Secrets.line(problem)));
            return FAILED;
        } catch (StartException e) {
            log.debug("The service does not start", e);
            err.println("sluice: " + Secrets.line(String.valueOf(e.getMessage())));
            return FAILED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return FAILED;
        }
    }

    private static void up(BridgeConfig config, PrintStream out) throws StartException, InterruptedException {
        var stop = new StopWithProcess(out);
        Bridge bridge;
        try {
            bridge = Bridge.start(config, line -> out.println("sluice: " + line), stop::isRequested);
            stop.started(bridge);
        } finally {
            stop.startIsOver();
        }
        describe(config);
        if (!stop.isRequested()) {
            out.println(bridge.introduction());
        }
        bridge.awaitEnd();
    }

    private static void work(BridgeConfig config, PrintStream out) throws StartException, InterruptedException {
        var stop = new StopWithProcess(out);
        WorkProcess process;
        try {
            process = WorkProcess.start(config, stop::isRequested);
            stop.started(process);
        } finally {
            stop.startIsOver();
        }
        describe(config);
        if (!stop.isRequested()) {
            out.println(process.introduction());
        }
        process.awaitEnd();
    }

    private static void describe(BridgeConfig config) {
        config.aliases()
                .forEach((key, variable) -> log.info(
                        "A variable of another service sets a key, because compat=workbuffer variable={} key={}",
                        variable,
                        key));
        log.info("Configuration:{}", config.describe());
    }
}
