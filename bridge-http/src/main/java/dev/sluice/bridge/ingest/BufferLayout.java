package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.buffer.AtomicFile;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * The contents of a buffer's directory, for tools; see {@link Lanes} for the names. Reading it changes nothing and
 * needs no lock.
 *
 * @param directory {@code buffer.dir}
 * @param generation the generation that takes new messages; empty if it is unknown
 * @param lanes how many lanes that generation has; empty if it is unknown
 * @param logs directories of lanes, oldest generation first, then by number: the order in which they are drained
 * @param failed directory of the failed records; empty if there is none
 * @param drained generations that were set aside and may be deleted, by name
 * @param foreign names that no bridge has made
 * @param problem what is wrong with {@code lanes.properties}; empty if it is fine
 */
public record BufferLayout(
        Path directory,
        OptionalInt generation,
        OptionalInt lanes,
        List<LaneDirectory> logs,
        Optional<Path> failed,
        List<String> drained,
        List<String> foreign,
        Optional<String> problem) {
    private static final String SET_ASIDE = ".damaged-";

    /** Copies the lists. */
    public BufferLayout {
        logs = List.copyOf(logs);
        drained = List.copyOf(drained);
        foreign = List.copyOf(foreign);
    }

    /**
     * The log of a lane.
     *
     * @param generation its generation
     * @param number its number in there, from 0
     * @param path where it is
     */
    public record LaneDirectory(int generation, int number, Path path) {
        /** Returns its name in logs and status, such as {@code 2/0}. */
        public String name() {
            return generation + "/" + number;
        }

        /**
         * Returns the note of a bridge that found a copy of this lane in use and stopped draining it; empty if there is
         * none.
         */
        public Optional<Path> sourceTakenMark() {
            Path mark = path.resolveSibling(path.getFileName() + Lane.SOURCE_TAKEN);
            return Files.exists(mark) ? Optional.of(mark) : Optional.empty();
        }
    }

    /**
     * Reads a directory.
     *
     * @throws NoSuchFileException if it does not exist
     * @throws IOException if it cannot be read
     */
    public static BufferLayout read(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            throw new NoSuchFileException(directory.toString(), null, "there is no such directory");
        }
        if (!Files.isDirectory(directory)) {
            throw new NotDirectoryException(directory.toString());
        }
        var logs = new ArrayList<LaneDirectory>();
        for (int generation : Lanes.numbers(directory, Lanes.GENERATION)) {
            Path of = directory.resolve("generation-" + generation);
            for (int number : Lanes.numbers(of, Lanes.LANE)) {
                logs.add(new LaneDirectory(generation, number, of.resolve("lane-" + number)));
            }
        }
        var drained = new ArrayList<String>();
        var foreign = new ArrayList<String>();
        for (String name : names(directory)) {
            if (name.endsWith(Lanes.DRAINED)) {
                drained.add(name);
            } else if (!isOwn(name)) {
                foreign.add(name);
            }
        }
        Path failed = directory.resolve(FailedRecords.DIRECTORY);
        OptionalInt generation = OptionalInt.empty();
        OptionalInt lanes = OptionalInt.empty();
        Optional<String> problem = Optional.empty();
        Path file = directory.resolve(Lanes.FILE);
        if (Files.exists(file)) {
            try {
                var properties = new Properties();
                properties.load(new StringReader(Files.readString(file, UTF_8)));
                generation = OptionalInt.of(Lanes.number(file, properties, "generation"));
                lanes = OptionalInt.of(Lanes.number(file, properties, "lanes"));
            } catch (IOException | IllegalArgumentException e) {
                problem = Optional.of(file + " cannot be understood: " + e.getMessage());
            }
        } else if (!logs.isEmpty()) {
            problem = Optional.of(file + " is missing: what the lanes hold is drained before anything new");
        }
        return new BufferLayout(
                directory,
                generation,
                lanes,
                logs,
                Files.isDirectory(failed) ? Optional.of(failed) : Optional.empty(),
                drained,
                foreign,
                problem);
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .sorted()
                    .toList();
        }
    }

    private static boolean isOwn(String name) {
        return name.equals(Lanes.FILE)
                || name.equals(Lanes.FILE + AtomicFile.SUFFIX)
                || name.startsWith(Lanes.FILE + SET_ASIDE)
                || name.equals(FailedRecords.DIRECTORY)
                || Lanes.GENERATION.matcher(name).matches();
    }

    /** Returns whether the directory holds no part of a buffer. */
    public boolean isEmpty() {
        return logs.isEmpty() && failed.isEmpty() && generation.isEmpty() && problem.isEmpty();
    }

    /**
     * Sets a damaged {@code lanes.properties} aside, so that a bridge can start. The bridge then drains all lanes it
     * finds before anything new. No process may use the directory.
     *
     * @return where the file is now; empty if it is not damaged
     */
    public Optional<Path> setAsideDamagedFile() throws IOException {
        Path file = directory.resolve(Lanes.FILE);
        if (problem.isEmpty() || !Files.exists(file)) {
            return Optional.empty();
        }
        Path target = directory.resolve(Lanes.FILE + SET_ASIDE + System.currentTimeMillis());
        Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
        Lanes.syncDirectory(directory);
        return Optional.of(target);
    }
}
