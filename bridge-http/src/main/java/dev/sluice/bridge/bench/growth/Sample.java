package dev.sluice.bridge.bench.growth;

import java.util.EnumMap;
import java.util.Map;

/** The gauges at one moment of a soak. A gauge that is not known is missing. Owned by one thread. */
final class Sample {
    private final double seconds;
    private final Map<Gauge, Double> gauges = new EnumMap<>(Gauge.class);

    /** Creates a sample of the moment {@code seconds} after the start. */
    Sample(double seconds) {
        this.seconds = seconds;
    }

    double seconds() {
        return seconds;
    }

    /** Sets a gauge. A value that is not a number means that it is not known. */
    Sample set(Gauge gauge, double value) {
        if (Double.isFinite(value)) {
            gauges.put(gauge, value);
        }
        return this;
    }

    /** Returns a gauge; NaN if it is not known. */
    double get(Gauge gauge) {
        return gauges.getOrDefault(gauge, Double.NaN);
    }
}
