package dev.sluice.bridge.system;

import java.util.regex.Pattern;

/**
 * Recognizes the variables that Kubernetes sets in every pod for each service of the namespace ("service links"). For a
 * service named {@code sluice} or {@code sluice-bridge} they look like settings:
 * {@code SLUICE_PORT=tcp://10.96.0.7:6632}.
 */
public final class ServiceLinks {
    private static final Pattern NAME = Pattern.compile(
            "(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?" + "|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)");

    /**
     * The variable of a service named {@code sluice-http} has the name of a configuration key. Only the value tells the
     * two apart.
     */
    private static final Pattern PORT = Pattern.compile("(?:.+_)?PORT");

    private static final Pattern ADDRESS = Pattern.compile("(?:tcp|udp|sctp)://\\S+");

    private ServiceLinks() {}

    /**
     * Returns whether a variable is a service link.
     *
     * @param name without the prefix {@code SLUICE_}
     */
    public static boolean include(String name, String value) {
        return NAME.matcher(name).matches()
                || (PORT.matcher(name).matches() && ADDRESS.matcher(value).matches());
    }
}
