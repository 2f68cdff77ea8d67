package dev.sluice.bridge.bench;

import com.sun.tools.attach.AttachNotSupportedException;
import com.sun.tools.attach.VirtualMachine;
import dev.sluice.bridge.bench.stages.Recording;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import javax.management.JMException;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.openmbean.CompositeData;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import org.jspecify.annotations.Nullable;

/**
 * What another Java process tells of itself through JMX: bytes allocated, garbage collections, recordings. It attaches
 * to the process, which needs the same user. Owned by one thread.
 */
public final class JvmView implements AutoCloseable {
    private final JMXConnector connector;
    private final MBeanServerConnection beans;
    private final ObjectName threading;
    private final ObjectName collectors;
    /** Bytes by thread. Threads that have ended keep what they had at the last reading. */
    private final Map<Long, Long> allocated = new HashMap<>();

    private @Nullable Path recordings;

    private JvmView(JMXConnector connector) throws IOException, JMException {
        this.connector = connector;
        this.beans = connector.getMBeanServerConnection();
        this.threading = new ObjectName("java.lang:type=Threading");
        this.collectors = new ObjectName("java.lang:type=GarbageCollector,name=*");
    }

    /**
     * Attaches to a process.
     *
     * @throws IOException if that is not possible
     */
    @SuppressWarnings("BanJNDI") // The address comes from a process that the benchmark has started.
    public static JvmView attach(long pid) throws IOException {
        try {
            VirtualMachine machine = VirtualMachine.attach(String.valueOf(pid));
            try {
                JMXConnector connector =
                        JMXConnectorFactory.connect(new JMXServiceURL(machine.startLocalManagementAgent()));
                return new JvmView(connector);
            } finally {
                machine.detach();
            }
        } catch (AttachNotSupportedException | JMException e) {
            throw new IOException("cannot attach to process " + pid + ": " + e.getMessage(), e);
        }
    }

    /**
     * Returns the bytes that all threads have allocated. What a thread allocates between the last reading and its end
     * is missing.
     */
    double allocatedBytes() throws IOException {
        try {
            var ids = (long[]) beans.getAttribute(threading, "AllThreadIds");
            var bytes = (long[]) beans.invoke(
                    threading, "getThreadAllocatedBytes", new Object[] {ids}, new String[] {long[].class.getName()});
            for (int i = 0; i < ids.length; i++) {
                if (bytes[i] >= 0) {
                    allocated.put(ids[i], bytes[i]);
                }
            }
            return allocated.values().stream().mapToDouble(Long::doubleValue).sum();
        } catch (JMException e) {
            throw new IOException("the process does not tell what it allocates: " + e.getMessage(), e);
        }
    }

    /** Returns the bytes of the heap that objects have, with those that the next collection will free. */
    public double usedHeap() throws IOException {
        return memory("used");
    }

    /** Returns the bytes of the heap that the process has from the system. */
    public double committedHeap() throws IOException {
        return memory("committed");
    }

    private double memory(String key) throws IOException {
        try {
            var usage = (CompositeData)
                    beans.getAttribute(new ObjectName(ManagementFactory.MEMORY_MXBEAN_NAME), "HeapMemoryUsage");
            return ((Number) usage.get(key)).doubleValue();
        } catch (JMException e) {
            throw new IOException("the process does not tell of its heap: " + e.getMessage(), e);
        }
    }

    double collections() throws IOException {
        return sum("CollectionCount");
    }

    double collectionMillis() throws IOException {
        return sum("CollectionTime");
    }

    private double sum(String attribute) throws IOException {
        try {
            double sum = 0;
            for (ObjectName collector : beans.queryNames(collectors, null)) {
                sum += ((Number) beans.getAttribute(collector, attribute)).doubleValue();
            }
            return sum;
        } catch (JMException e) {
            throw new IOException("the process does not tell of its collections: " + e.getMessage(), e);
        }
    }

    /**
     * Sets the directory for recordings; null if nothing is recorded. The first recording of a process changes classes
     * of the Java library, and then the process compiles its code again. So the first one is made here, before any
     * warm-up.
     */
    void recordIn(@Nullable Path directory) throws IOException {
        recordings = directory;
        if (directory != null) {
            record().close();
        }
    }

    /** Returns the directory for recordings; null if nothing is recorded. */
    @Nullable
    Path recordings() {
        return recordings;
    }

    /** Begins to record what the threads of the process do. */
    Recording record() throws IOException {
        return Recording.start(beans);
    }

    @Override
    public void close() throws IOException {
        connector.close();
    }
}
