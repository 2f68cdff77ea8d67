package dev.sluice.bridge.bench.stages;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.management.JMX;
import javax.management.MBeanServerConnection;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import jdk.management.jfr.FlightRecorderMXBean;

/** A recording of what the threads of another Java process do, by its Flight Recorder. */
public final class Recording implements AutoCloseable {
    /** Running Java code. */
    static final String JAVA = "jdk.ExecutionSample";
    /** Native calls, also those that wait. */
    static final String NATIVE = "jdk.NativeMethodSample";

    private static final Set<String> SAMPLES = Set.of(JAVA, NATIVE);
    /** The shortest that the sampler of Java 17 has. */
    private static final String PERIOD = "10 ms";

    private final FlightRecorderMXBean recorder;
    private final long id;

    private Recording(FlightRecorderMXBean recorder, long id) {
        this.recorder = recorder;
        this.id = id;
    }

    /**
     * Begins to record.
     *
     * @throws IOException if the process has no Flight Recorder
     */
    public static Recording start(MBeanServerConnection beans) throws IOException {
        try {
            FlightRecorderMXBean recorder = JMX.newMXBeanProxy(
                    beans, new ObjectName(FlightRecorderMXBean.MXBEAN_NAME), FlightRecorderMXBean.class);
            var recording = new Recording(recorder, recorder.newRecording());
            recorder.setRecordingSettings(
                    recording.id,
                    SAMPLES.stream()
                            .flatMap(event -> Stream.of(
                                    Map.entry(event + "#enabled", "true"), Map.entry(event + "#period", PERIOD)))
                            .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)));
            recorder.startRecording(recording.id);
            return recording;
        } catch (MalformedObjectNameException | RuntimeException e) {
            throw new IOException("the process cannot be recorded: " + e.getMessage(), e);
        }
    }

    /** Ends the recording and writes it to a file, which the recorded process creates. */
    public void stop(Path file) throws IOException {
        recorder.stopRecording(id);
        recorder.copyTo(id, file.toAbsolutePath().toString());
    }

    @Override
    public void close() throws IOException {
        recorder.closeRecording(id);
    }
}
