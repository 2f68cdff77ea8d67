package dev.sluice.connect.plugin;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.DynamicMBean;
import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanInfo;
import javax.management.MBeanRegistration;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.ReflectionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The numbers of one task in JMX, on workers of every version: {@code dev.sluice:type=TYPE,connector=NAME,task=N}. The
 * attributes have names in Kafka's form, such as {@code records-written-total}, and are read-only.
 *
 * <p>Two tasks never share a bean. If a worker starts a task while an earlier one of the same number still ends, the
 * bean shows the new task, and the end of the earlier one does not remove it. Another copy of the plug-in in the same
 * process may have a bean of that name: it stays, and the new task has none.
 *
 * <p>Any thread may read the attributes.
 */
public final class TaskBean implements DynamicMBean, MBeanRegistration, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(TaskBean.class);

    private static final String DOMAIN = "dev.sluice";

    /** The beans that are registered; also the lock for their registration. */
    private static final Map<ObjectName, TaskBean> REGISTERED = new HashMap<>();

    private final String description;
    private final Map<String, Metric> metrics = new LinkedHashMap<>();

    /** The name under which the server has this object; null if it does not have it. */
    private volatile @Nullable ObjectName registeredName;

    /**
     * An attribute.
     *
     * @param name such as {@code flush-time-max-ms}
     * @param unit such as {@code ms}, for people
     * @param description a sentence
     * @param type the class of the values
     * @param value returns the present value, on any thread
     */
    public record Metric(String name, String unit, String description, Class<?> type, Supplier<?> value) {
        /** Makes a whole number. */
        public static Metric number(String name, String unit, String description, LongSupplier value) {
            return new Metric(name, unit, description, Long.class, value::getAsLong);
        }
    }

    private TaskBean(String description, List<Metric> metrics) {
        this.description = description;
        metrics.forEach(metric -> this.metrics.put(metric.name(), metric));
    }

    /**
     * Registers a bean. A failure is logged, and the task works without the bean.
     *
     * @param type such as {@code sink-task-metrics}
     * @param connector the connector's name, of any characters
     * @param task the number of the task; if empty, the first number that is free
     */
    public static TaskBean register(String type, String connector, String task, List<Metric> metrics) {
        var bean = new TaskBean(type + " of Sluice", metrics);
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        synchronized (REGISTERED) {
            try {
                ObjectName name = name(server, type, connector, task);
                TaskBean earlier = REGISTERED.remove(name);
                if (earlier != null) {
                    earlier.unregister(server);
                }
                server.registerMBean(bean, name);
                REGISTERED.put(name, bean);
            } catch (JMException | RuntimeException e) {
                log.warn(
                        "The metrics of a task are not in JMX connector={} task={} reason={}",
                        connector,
                        task,
                        e.getMessage());
            }
        }
        return bean;
    }

    private static ObjectName name(MBeanServer server, String type, String connector, String task) throws JMException {
        String start = DOMAIN + ":type=" + type + ",connector=" + WorkerBeans.quoted(connector) + ",task=";
        if (!task.isEmpty()) {
            return new ObjectName(start + task);
        }
        int free = 0;
        while (server.isRegistered(new ObjectName(start + free))) {
            free++;
        }
        return new ObjectName(start + free);
    }

    /** Removes the bean, unless it belongs to a later task by now. */
    @Override
    public void close() {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        synchronized (REGISTERED) {
            if (REGISTERED.values().remove(this)) {
                unregister(server);
            }
        }
    }

    /** Removes this object from the server. Whatever else has its name stays. */
    private void unregister(MBeanServer server) {
        ObjectName name = registeredName;
        if (name == null) {
            return;
        }
        try {
            server.unregisterMBean(name);
        } catch (JMException e) {
            log.debug("The metrics of a task were not in JMX name={}", name, e);
        }
    }

    @Override
    public ObjectName preRegister(MBeanServer server, ObjectName name) {
        registeredName = name;
        return name;
    }

    @Override
    public void postRegister(Boolean isRegistered) {
        if (!isRegistered) {
            registeredName = null;
        }
    }

    @Override
    public void preDeregister() {
        // Nothing keeps the server from it.
    }

    @Override
    public void postDeregister() {
        registeredName = null;
    }

    @Override
    public Object getAttribute(String attribute) throws AttributeNotFoundException {
        Metric metric = metrics.get(attribute);
        if (metric == null) {
            throw new AttributeNotFoundException(attribute);
        }
        return metric.value().get();
    }

    @Override
    public AttributeList getAttributes(String[] names) {
        var values = new AttributeList();
        for (String name : names) {
            Metric metric = metrics.get(name);
            if (metric != null) {
                values.add(new Attribute(name, metric.value().get()));
            }
        }
        return values;
    }

    @Override
    public void setAttribute(Attribute attribute) throws AttributeNotFoundException {
        throw new AttributeNotFoundException(attribute.getName() + " cannot be set");
    }

    @Override
    public AttributeList setAttributes(AttributeList attributes) {
        return new AttributeList();
    }

    @Override
    public Object invoke(String action, Object[] parameters, String[] signature) throws ReflectionException {
        throw new ReflectionException(new NoSuchMethodException(action), "A task has no operations");
    }

    @Override
    public MBeanInfo getMBeanInfo() {
        var attributes = new ArrayList<MBeanAttributeInfo>();
        metrics.values()
                .forEach(metric -> attributes.add(new MBeanAttributeInfo(
                        metric.name(),
                        metric.type().getName(),
                        metric.description() + " Unit: " + metric.unit(),
                        true,
                        false,
                        false)));
        return new MBeanInfo(
                TaskBean.class.getName(), description, attributes.toArray(MBeanAttributeInfo[]::new), null, null, null);
    }
}
