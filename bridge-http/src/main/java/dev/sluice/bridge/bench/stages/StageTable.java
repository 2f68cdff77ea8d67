package dev.sluice.bridge.bench.stages;

import static dev.sluice.bridge.bench.stages.Stage.ACK;
import static dev.sluice.bridge.bench.stages.Stage.ANSWER;
import static dev.sluice.bridge.bench.stages.Stage.CLAIM;
import static dev.sluice.bridge.bench.stages.Stage.COLLECTOR;
import static dev.sluice.bridge.bench.stages.Stage.COMPILER;
import static dev.sluice.bridge.bench.stages.Stage.DRAIN;
import static dev.sluice.bridge.bench.stages.Stage.FLUSH;
import static dev.sluice.bridge.bench.stages.Stage.LOG;
import static dev.sluice.bridge.bench.stages.Stage.OTHER;
import static dev.sluice.bridge.bench.stages.Stage.PARSE;
import static dev.sluice.bridge.bench.stages.Stage.READ;
import static dev.sluice.bridge.bench.stages.Stage.RECORDER;
import static dev.sluice.bridge.bench.stages.Stage.ROUTE;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Knows which stage a frame of a stack belongs to, and which stage a thread. Pure. */
final class StageTable {
    private static final String BRIDGE = "dev.sluice.bridge.";
    private static final String QUEUE = "dev.sluice.queue.";
    private static final String JETTY = "org.eclipse.jetty.";

    /** Stages by the beginning of a class and method; the longest beginning counts. */
    private static final TreeMap<String, Stage> FRAMES = new TreeMap<>(Map.ofEntries(
            // What Jetty uses for both, such as headers and buffers, belongs to its caller.
            Map.entry(JETTY + "http.HttpParser", READ),
            Map.entry(JETTY + "http.HttpGenerator", ANSWER),
            Map.entry(JETTY + "io.AbstractConnection", READ),
            Map.entry(JETTY + "io.AbstractEndPoint", READ),
            Map.entry(JETTY + "io.FillInterest", READ),
            Map.entry(JETTY + "io.ManagedSelector", READ),
            Map.entry(JETTY + "io.SelectableChannelEndPoint", READ),
            Map.entry(JETTY + "io.SocketChannelEndPoint", READ),
            Map.entry(JETTY + "server.", READ),
            Map.entry(JETTY + "util.thread.", READ),
            Map.entry(JETTY + "io.AbstractEndPoint.write", ANSWER),
            Map.entry(JETTY + "io.WriteFlusher", ANSWER),
            Map.entry(JETTY + "io.SocketChannelEndPoint.flush", ANSWER),
            Map.entry(JETTY + "io.SelectableChannelEndPoint.flush", ANSWER),
            Map.entry(JETTY + "server.internal.HttpConnection$SendCallback", ANSWER),
            Map.entry(JETTY + "server.internal.HttpConnection$HttpStreamOverHTTP1.send", ANSWER),
            Map.entry(JETTY + "server.internal.HttpConnection$HttpStreamOverHTTP1.succeeded", ANSWER),
            Map.entry(JETTY + "server.internal.HttpChannelState$ChannelResponse", ANSWER),
            Map.entry(JETTY + "server.internal.ResponseHttpFields", ANSWER),
            Map.entry(JETTY + "server.internal.HttpChannelState$ChannelCallback", ANSWER),
            Map.entry(BRIDGE + "http.", ROUTE),
            Map.entry(BRIDGE + "http.RequestBodies", READ),
            Map.entry(BRIDGE + "http.ArrivingBodies", READ),
            Map.entry(BRIDGE + "http.PatientConnector", READ),
            Map.entry(BRIDGE + "http.Answer", ANSWER),
            Map.entry(BRIDGE + "api.", ROUTE),
            Map.entry(BRIDGE + "api.CoreRoutes$Exchange.send", ANSWER),
            Map.entry(BRIDGE + "api.CoreRoutes$Exchange.answer", ANSWER),
            Map.entry(BRIDGE + "api.CoreRoutes$Exchange.delivered", ANSWER),
            Map.entry(BRIDGE + "api.CoreRoutes$Exchange.count", ANSWER),
            Map.entry(BRIDGE + "api.messages.PushBody", PARSE),
            Map.entry(BRIDGE + "api.messages.AcknowledgeBody", PARSE),
            Map.entry(BRIDGE + "api.messages.PushEndpoint.write", ANSWER),
            Map.entry(BRIDGE + "api.messages.AcknowledgeEndpoint.write", ANSWER),
            Map.entry(BRIDGE + "api.messages.MessageLine", ANSWER),
            Map.entry(BRIDGE + "limits.", ROUTE),
            Map.entry(BRIDGE + "metrics.", ROUTE),
            Map.entry(BRIDGE + "security.", ROUTE),
            Map.entry(BRIDGE + "json.", PARSE),
            Map.entry(BRIDGE + "json.JsonOutput", ANSWER),
            Map.entry("com.fasterxml.jackson.core.", PARSE),
            Map.entry(BRIDGE + "ingest.", LOG),
            Map.entry(BRIDGE + "ingest.Intake.committed", DRAIN),
            Map.entry(BRIDGE + "ingest.Lane.committed", DRAIN),
            Map.entry(BRIDGE + "ingest.Intake.complete", ANSWER),
            Map.entry(BRIDGE + "ingest.MessageCodec.decode", DRAIN),
            Map.entry(BRIDGE + "ingest.MessageCodec.read", DRAIN),
            Map.entry(BRIDGE + "ingest.MessageCodec.text", DRAIN),
            Map.entry(BRIDGE + "ingest.Push", ANSWER),
            Map.entry("dev.sluice.buffer.", LOG),
            Map.entry("dev.sluice.buffer.LogReader", DRAIN),
            Map.entry("dev.sluice.buffer.FrameWindow", DRAIN),
            Map.entry(BRIDGE + "drain.", DRAIN),
            Map.entry("dev.sluice.connect.", DRAIN),
            Map.entry(QUEUE + "write.", FLUSH),
            // What pops and acknowledgements share, such as sets of seqs and the commit, belongs to its caller.
            Map.entry(QUEUE + "read.MessageSlice", CLAIM),
            Map.entry(QUEUE + "read.Pop", CLAIM),
            Map.entry(QUEUE + "read.PutBack", CLAIM),
            Map.entry(QUEUE + "read.Queue", CLAIM),
            Map.entry(QUEUE + "read.Ready", CLAIM),
            Map.entry(QUEUE + "read.Registration", CLAIM),
            Map.entry(QUEUE + "read.Acknowledge", ACK),
            Map.entry(QUEUE + "read.LockedCursor", ACK),
            Map.entry(QUEUE + "read.Queue.acknowledge", ACK),
            Map.entry(QUEUE + "read.Queue.lambda$acknowledge", ACK),
            Map.entry(QUEUE + "read.UnleasedSearch", ACK),
            Map.entry(QUEUE + "read.WholeLeases", ACK),
            Map.entry(BRIDGE + "pop.", CLAIM),
            Map.entry(BRIDGE + "pop.Acknowledge", ACK)));

    /** Stages by the beginning of the name of a thread, if no frame decides. */
    private static final TreeMap<String, Stage> THREADS = new TreeMap<>(Map.ofEntries(
            Map.entry("sluice-http", READ),
            Map.entry("sluice-answers", ANSWER),
            Map.entry("sluice-drain", DRAIN),
            Map.entry("sluice-log", LOG),
            Map.entry("sluice-pop", CLAIM),
            Map.entry("sluice-ack", ACK),
            Map.entry("sluice-wake-ups", FLUSH),
            Map.entry("C Com", COMPILER), // C1 and C2: names have no numbers here.
            Map.entry("GC", COLLECTOR),
            Map.entry("G ", COLLECTOR), // G1
            Map.entry("VM ", COLLECTOR),
            Map.entry("JFR", RECORDER)));

    /** A native call that waits uses no processor time worth a sample. */
    private static final List<String> WAITING = List.of(
            "sun.nio.ch.EPoll.wait",
            "sun.nio.ch.Net.poll",
            "sun.nio.ch.NioSocketImpl.tryRead", // The JDBC driver blocks.
            "sun.nio.ch.Net.accept",
            "java.lang.ProcessHandleImpl.waitForProcessExit");

    /** The number of frames that tell whether a native call waits. */
    private static final int CALL = 3;

    private StageTable() {}

    /** Returns the stage of a frame, written {@code class.method}; empty if its caller decides. */
    static Optional<Stage> ofFrame(String frame) {
        return longest(FRAMES, frame);
    }

    /** Returns the stage of a thread whose frames decide nothing. */
    static Stage ofThread(String name) {
        return longest(THREADS, name).orElse(OTHER);
    }

    /** Returns the stage of a stack. */
    static Stage ofStack(Iterable<String> fromTheTop, String thread) {
        for (String frame : fromTheTop) {
            Optional<Stage> stage = ofFrame(frame);
            if (stage.isPresent()) {
                return stage.get();
            }
        }
        return ofThread(thread);
    }

    /** Returns whether a native call waits. */
    static boolean waits(List<String> fromTheTop) {
        return fromTheTop.stream()
                .limit(CALL)
                .anyMatch(frame -> WAITING.stream().anyMatch(frame::startsWith));
    }

    private static Optional<Stage> longest(TreeMap<String, Stage> beginnings, String text) {
        return beginnings.descendingMap().entrySet().stream()
                .filter(each -> text.startsWith(each.getKey()))
                .findFirst()
                .map(Map.Entry::getValue);
    }
}
