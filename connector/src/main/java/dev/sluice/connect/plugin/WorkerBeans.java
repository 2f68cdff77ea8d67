package dev.sluice.connect.plugin;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.ObjectName;

/** The rules by which a Connect worker names its threads and its MBeans. All methods are pure but for the thread. */
public final class WorkerBeans {
    /** Connect's name for the thread of a task. */
    private static final Pattern TASK_THREAD = Pattern.compile("task-thread-(.*)-(\\d+)", Pattern.DOTALL);

    /** Texts that Kafka writes into the name of a metric without quotes. */
    private static final Pattern UNQUOTED = Pattern.compile("[\\w-%\\. \t]+");

    private WorkerBeans() {}

    /**
     * Returns the number of the task whose thread calls; empty on any other thread.
     *
     * @param connector the name of the task's connector
     */
    public static String taskNumber(String connector) {
        Matcher thread = TASK_THREAD.matcher(Thread.currentThread().getName());
        return thread.matches() && thread.group(1).equals(connector) ? thread.group(2) : "";
    }

    /** Returns a text as Kafka writes it into the name of a metric. */
    public static String quoted(String text) {
        return UNQUOTED.matcher(text).matches() ? text : ObjectName.quote(text);
    }

    /** Returns a part of the name of a bean, without quotes; empty if the name has no such part. */
    public static String text(ObjectName bean, String key) {
        String text = bean.getKeyProperty(key);
        if (text == null) {
            return "";
        }
        return text.startsWith("\"") ? ObjectName.unquote(text) : text;
    }
}
