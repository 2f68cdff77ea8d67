package dev.sluice.connect.worker;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;

/**
 * Runs a program, and ends the process when its input ends. The input ends when the process that has started this one
 * is gone.
 */
public final class EndWithParent {
    private static final int PARENT_IS_GONE = 3;

    private EndWithParent() {}

    /** Runs {@code main} of the class that the first argument names, with the other arguments. */
    public static void main(String[] args) throws Throwable {
        var watch = new Thread(EndWithParent::awaitEndOfInput, "end-with-parent");
        watch.setDaemon(true);
        watch.start();
        try {
            Class.forName(args[0]).getMethod("main", String[].class).invoke(null, (Object)
                    Arrays.copyOfRange(args, 1, args.length));
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static void awaitEndOfInput() {
        try {
            while (System.in.read() >= 0) {
                // The parent writes nothing.
            }
        } catch (IOException e) {
            // The parent is gone, too.
        }
        Runtime.getRuntime().halt(PARENT_IS_GONE);
    }
}
