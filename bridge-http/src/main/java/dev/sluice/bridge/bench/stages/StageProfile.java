package dev.sluice.bridge.bench.stages;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordedThread;
import jdk.jfr.consumer.RecordingFile;
import org.jspecify.annotations.Nullable;

/** Divides the processor time of a process among the stages of a message's path. */
public final class StageProfile {
    private final Map<Long, ThreadTimes.Time> threads;
    /** Samples of Java code by stage, and those of native calls, by the name of the thread. */
    private final Map<String, Map<Stage, Integer>> java = new HashMap<>();

    private final Map<String, Map<Stage, Integer>> natives = new HashMap<>();

    /** Creates a profile of threads that used these times. */
    StageProfile(ThreadTimes times) {
        this.threads = times.threads();
    }

    /**
     * Returns the processor time in seconds by stage.
     *
     * @param recording samples between the two readings
     * @param cpu the processor time of the whole process between the two readings, in seconds
     */
    public static Map<Stage, Double> of(Path recording, ThreadTimes begin, ThreadTimes end, double cpu)
            throws IOException {
        var profile = new StageProfile(end.since(begin));
        try (var file = new RecordingFile(recording)) {
            while (file.hasMoreEvents()) {
                profile.add(file.readEvent());
            }
        }
        return profile.divide(cpu);
    }

    private void add(RecordedEvent event) {
        boolean isNative = event.getEventType().getName().equals(Recording.NATIVE);
        if (!isNative && !event.getEventType().getName().equals(Recording.JAVA)) {
            return;
        }
        RecordedThread thread = event.getThread("sampledThread");
        if (thread == null || event.getStackTrace() == null) {
            return;
        }
        var frames = new ArrayList<String>();
        for (RecordedFrame frame : event.getStackTrace().getFrames()) {
            frames.add(frame.getMethod().getType().getName() + "."
                    + frame.getMethod().getName());
        }
        add(isNative, thread.getOSThreadId(), thread.getJavaName(), frames);
    }

    /**
     * Adds a sample.
     *
     * @param id the number that the system gives the thread
     * @param frames from the top, written {@code class.method}
     */
    void add(boolean isNative, long id, @Nullable String thread, List<String> frames) {
        ThreadTimes.Time time = threads.get(id);
        if (time == null || frames.isEmpty() || (isNative && StageTable.waits(frames))) {
            return;
        }
        Stage stage = StageTable.ofStack(frames, thread == null ? time.name() : thread);
        (isNative ? natives : java)
                .computeIfAbsent(time.name(), name -> new EnumMap<>(Stage.class))
                .merge(stage, 1, Integer::sum);
    }

    /** Returns the seconds by stage; their sum is {@code cpu}. */
    Map<Stage, Double> divide(double cpu) {
        var stages = new EnumMap<Stage, Double>(Stage.class);
        double known = 0;
        for (ThreadTimes.Time time : threads.values()) {
            divide(time.user(), java, natives, time.name(), stages);
            divide(time.kernel(), natives, java, time.name(), stages);
            known += time.user() + time.kernel();
        }
        stages.merge(Stage.UNKNOWN, cpu - known, Double::sum);
        return stages;
    }

    /** Divides the time of a thread as its samples say; if it has none of the first kind, as the others say. */
    private static void divide(
            double seconds,
            Map<String, Map<Stage, Integer>> first,
            Map<String, Map<Stage, Integer>> second,
            String name,
            Map<Stage, Double> stages) {
        Map<Stage, Integer> samples = first.getOrDefault(name, second.getOrDefault(name, Map.of()));
        int all = samples.values().stream().mapToInt(Integer::intValue).sum();
        if (all == 0) {
            stages.merge(StageTable.ofThread(name), seconds, Double::sum);
            return;
        }
        samples.forEach((stage, count) -> stages.merge(stage, seconds * count / all, Double::sum));
    }
}
