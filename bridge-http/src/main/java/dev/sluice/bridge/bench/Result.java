package dev.sluice.bridge.bench;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What one path cost in one run: its figures, its multiples of floors, and the processor time of the bridge by thread
 * and by stage. A figure that is not known is missing. Owned by one thread.
 */
public final class Result {
    private final String path;
    private final Map<Figure, Double> figures = new EnumMap<>(Figure.class);
    private final Map<String, Double> multiples = new LinkedHashMap<>();
    private final Map<String, Double> threads = new LinkedHashMap<>();
    private final Map<String, Double> stages = new LinkedHashMap<>();

    public Result(String path) {
        this.path = path;
    }

    public String path() {
        return path;
    }

    /** Sets a figure. A value that is not a number means that the figure is not known. */
    public Result set(Figure figure, double value) {
        if (Double.isFinite(value)) {
            figures.put(figure, value);
        } else {
            figures.remove(figure);
        }
        return this;
    }

    /** Returns a figure; NaN if it is not known. */
    public double get(Figure figure) {
        return figures.getOrDefault(figure, Double.NaN);
    }

    /**
     * Adds a multiple of a floor. The first one is the multiple that the guard compares.
     *
     * @param floor name of the floor
     */
    Result multiple(String floor, double value) {
        if (Double.isFinite(value)) {
            multiples.put(floor, value);
        }
        return this;
    }

    /** Returns the multiples by the names of the floors. */
    Map<String, Double> multiples() {
        return multiples;
    }

    /** Returns the multiple that the guard compares; empty if it is not known. */
    OptionalDouble guarded() {
        return multiples.values().stream().mapToDouble(Double::doubleValue).findFirst();
    }

    /** Returns processor time in microseconds a message by the name of the thread. */
    Map<String, Double> threads() {
        return threads;
    }

    /** Returns processor time in microseconds a message by stage; none if nothing was recorded. */
    Map<String, Double> stages() {
        return stages;
    }

    /**
     * Returns processor time of the server in microseconds a message without that of its compiler, which depends only
     * on how long the process has run; NaN if it is not known.
     */
    public double cpuOfServer() {
        return get(Figure.CPU_SERVER) - get(Figure.CPU_COMPILER);
    }
}
