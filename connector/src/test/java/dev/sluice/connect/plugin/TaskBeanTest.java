package dev.sluice.connect.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.plugin.TaskBean.Metric;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Set;
import javax.management.Attribute;
import javax.management.AttributeNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.StandardMBean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TaskBeanTest {
    private static final MBeanServer SERVER = ManagementFactory.getPlatformMBeanServer();

    private static TaskBean register(String connector, String task, long value) {
        return TaskBean.register(
                "test-metrics", connector, task, List.of(Metric.number("value", "things", "A value.", () -> value)));
    }

    private static Set<ObjectName> names(String connector) throws JMException {
        return SERVER.queryNames(
                new ObjectName("dev.sluice:type=test-metrics,connector=" + WorkerBeans.quoted(connector) + ",*"), null);
    }

    private static ObjectName name(String connector, int task) throws JMException {
        return new ObjectName(
                "dev.sluice:type=test-metrics,connector=" + WorkerBeans.quoted(connector) + ",task=" + task);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "orders",
                "two words",
                "a,b=c:d",
                "with \"quotes\" and \\",
                "star * and ?",
                "line\nfeed",
                "",
                "Zahlungen/Ærø ключ",
                "%41"
            })
    void aConnectorOfAnyNameHasABeanWithThisName(String connector) throws JMException {
        try (TaskBean bean = register(connector, "3", 7)) {
            assertThat(bean.getMBeanInfo().getAttributes()).hasSize(1);
            assertThat(names(connector)).singleElement().satisfies(name -> {
                assertThat(WorkerBeans.text(name, "connector")).isEqualTo(connector);
                assertThat(name.getKeyProperty("task")).isEqualTo("3");
            });
            assertThat(SERVER.getAttribute(name(connector, 3), "value")).isEqualTo(7L);
        }
        assertThat(names(connector)).isEmpty();
    }

    @Test
    void tasksWithoutANumberGetTheFirstThatIsFree() throws JMException {
        try (TaskBean first = register("crowd", "", 1)) {
            TaskBean second = register("crowd", "", 2);
            assertThat(SERVER.getAttribute(name("crowd", 0), "value")).isEqualTo(1L);
            assertThat(SERVER.getAttribute(name("crowd", 1), "value")).isEqualTo(2L);
            second.close();
            try (TaskBean third = register("crowd", "", 3)) {
                assertThat(SERVER.getAttribute(name("crowd", 1), "value")).isEqualTo(3L);
                assertThat(third).isNotSameAs(first);
            }
            assertThat(names("crowd")).hasSize(1);
        }
    }

    @Test
    void theEndOfATaskDoesNotRemoveTheBeanOfItsSuccessor() throws JMException {
        TaskBean zombie = register("heir", "0", 1);
        try (TaskBean successor = register("heir", "0", 2)) {
            assertThat(SERVER.getAttribute(name("heir", 0), "value")).isEqualTo(2L);
            zombie.close();
            assertThat(SERVER.getAttribute(name("heir", 0), "value")).isEqualTo(2L);
            assertThat(successor).isNotSameAs(zombie);
        }
        zombie.close();
        assertThat(names("heir")).isEmpty();
    }

    /** As another copy of the plug-in has one, whose classes come from another loader. */
    public interface ForeignMBean {
        long getValue();
    }

    private static StandardMBean foreign() throws JMException {
        return new StandardMBean(() -> 99, ForeignMBean.class);
    }

    @Test
    void aBeanOfAnotherCopyOfThePlugInStays() throws JMException {
        ObjectName name = name("copies", 0);
        SERVER.registerMBean(foreign(), name);
        try {
            register("copies", "0", 1).close();
            assertThat(SERVER.getAttribute(name, "Value")).isEqualTo(99L);
            try (TaskBean beside = register("copies", "", 2)) {
                assertThat(SERVER.getAttribute(name("copies", 1), "value")).isEqualTo(2L);
                assertThat(beside).isNotNull();
            }
        } finally {
            SERVER.unregisterMBean(name);
        }
        assertThat(names("copies")).isEmpty();
    }

    @Test
    void aBeanThatHasTakenTheNameOfOneThatWasRemovedStays() throws JMException {
        ObjectName name = name("taken", 0);
        TaskBean bean = register("taken", "0", 1);
        SERVER.unregisterMBean(name);
        SERVER.registerMBean(foreign(), name);
        try {
            bean.close();
            assertThat(SERVER.getAttribute(name, "Value")).isEqualTo(99L);
        } finally {
            SERVER.unregisterMBean(name);
        }
    }

    @Test
    void attributesAreOnlyRead() throws JMException {
        try (TaskBean bean = register("read-only", "0", 1)) {
            assertThatThrownBy(() -> SERVER.setAttribute(name("read-only", 0), new Attribute("value", 2L)))
                    .isInstanceOf(JMException.class);
            assertThatThrownBy(() -> bean.getAttribute("other")).isInstanceOf(AttributeNotFoundException.class);
            assertThat(SERVER.getAttributes(name("read-only", 0), new String[] {"value", "other"}))
                    .hasSize(1);
        }
    }

    @Test
    void theNumberOfATaskComesFromTheNameThatConnectGivesItsThread() throws InterruptedException {
        for (String connector : new String[] {"orders", "task-thread-1", "a\nb-2"}) {
            var found = new String[2];
            var thread = new Thread(
                    () -> {
                        found[0] = WorkerBeans.taskNumber(connector);
                        found[1] = WorkerBeans.taskNumber(connector + "x");
                    },
                    "task-thread-" + connector + "-12");
            thread.start();
            thread.join();
            assertThat(found).containsExactly("12", "");
        }
    }
}
