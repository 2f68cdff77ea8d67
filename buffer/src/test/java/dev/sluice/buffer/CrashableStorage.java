package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A directory in memory that behaves as badly as POSIX allows. A power cut loses any subset of the bytes written since
 * the last {@link StoredFile#force}, in any order and torn anywhere. It also loses any subset of the creations, renames
 * and deletions since the last {@link #syncDirectory}. A lost write may leave zero bytes in its place. Any operation
 * can fail on demand: before, during, or after its effect. After a failed force, the bytes concerned never become
 * durable.
 *
 * <p>Not thread-safe.
 */
final class CrashableStorage implements Storage {

    /** Every operation from the chosen step on throws this, as if the process had died there. */
    static final class Crash extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Crash(int step) {
            super("crash at step " + step, null, false, false);
        }
    }

    /** The ways in which an operation can fail. */
    enum Fault {
        NONE,
        FAIL_BEFORE,
        FAIL_MIDWAY,
        FAIL_AFTER,
        DISK_FULL
    }

    /** Decides how each operation ends. */
    interface Faults {
        Fault next(String operation, String name);
    }

    /** A write ({@code bytes}) at a position, or a truncation to it ({@code bytes} empty). */
    @SuppressWarnings("ArrayRecordComponent") // Changes are never compared.
    private record Change(long position, byte[] bytes, boolean limbo) {
        boolean isTruncation() {
            return bytes.length == 0;
        }
    }

    private static final class Inode {
        byte[] bytes = new byte[64];
        int size;
        byte[] durable = new byte[0];
        List<Change> unsynced = new ArrayList<>();

        void apply(Change change) {
            if (change.isTruncation()) {
                resize((int) Math.min(size, change.position()));
            } else {
                resize((int) Math.max(size, change.position() + change.bytes().length));
                System.arraycopy(change.bytes(), 0, bytes, (int) change.position(), change.bytes().length);
            }
        }

        void resize(int newSize) {
            if (newSize > bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.max(newSize, bytes.length * 2));
            } else if (newSize < size) {
                Arrays.fill(bytes, newSize, size, (byte) 0);
            }
            size = newSize;
        }
    }

    /** A creation ({@code from} empty), a renaming, or a deletion ({@code to} empty). */
    private record NameChange(String from, String to, Inode inode) {
        void apply(TreeMap<String, Inode> names) {
            if (!from.isEmpty()) {
                names.remove(from, inode);
            }
            if (!to.isEmpty()) {
                names.put(to, inode);
            }
        }

        String directory() {
            var name = to.isEmpty() ? from : to;
            return name.contains("/") ? name.substring(0, name.indexOf('/')) : "";
        }
    }

    private TreeMap<String, Inode> names = new TreeMap<>();
    private final TreeMap<String, Inode> durableNames = new TreeMap<>();
    private List<NameChange> unsyncedNames = new ArrayList<>();
    private final TreeSet<String> directories = new TreeSet<>();
    private int life;
    private boolean locked;
    private Faults faults = (operation, name) -> Fault.NONE;
    private long capacityBytes = Long.MAX_VALUE;
    private int crashAtStep = Integer.MAX_VALUE;
    private int steps;
    private final List<String> operations = new ArrayList<>();

    void faults(Faults source) {
        faults = source;
    }

    void capacityBytes(long bytes) {
        capacityBytes = bytes;
    }

    /** Makes the process die before a step; the first of {@link #operations} is step 0. */
    void crashAtStep(int step) {
        crashAtStep = step;
    }

    /** Returns the operations so far that change something. */
    List<String> operations() {
        return operations;
    }

    /** Kills the process. The machine keeps running, so nothing is lost. */
    void kill() {
        life++;
        locked = false;
        crashAtStep = Integer.MAX_VALUE;
    }

    /** Cuts the power. The random source decides which unsynced data is lost. */
    void powerCut(Random random) {
        kill();
        for (var change : unsyncedNames) {
            if (random.nextBoolean()) {
                change.apply(durableNames);
            }
        }
        unsyncedNames = new ArrayList<>();
        names = new TreeMap<>(durableNames);
        for (var inode : names.values()) {
            inode.bytes = Arrays.copyOf(inode.durable, Math.max(64, inode.durable.length));
            inode.size = inode.durable.length;
            int fate = random.nextInt(4); // All lost, all kept, or decided change by change.
            for (var change : inode.unsynced) {
                keep(inode, change, fate >= 2 ? random.nextInt(4) : fate, random);
            }
            inode.unsynced = new ArrayList<>();
            inode.durable = Arrays.copyOf(inode.bytes, inode.size);
        }
    }

    private static void keep(Inode inode, Change change, int fate, Random random) {
        switch (fate) {
            case 0 -> {}
            case 1 -> inode.apply(change);
            case 2 -> {
                if (!change.isTruncation()) { // The size was stored, the bytes were not.
                    inode.resize((int) Math.max(inode.size, change.position() + change.bytes().length));
                }
            }
            default -> {
                if (!change.isTruncation()) {
                    int from = random.nextInt(change.bytes().length);
                    int to = random.nextBoolean() ? change.bytes().length : random.nextInt(from, change.bytes().length);
                    if (random.nextBoolean()) {
                        to = from;
                        from = 0;
                    }
                    if (to > from) {
                        inode.apply(new Change(
                                change.position() + from, Arrays.copyOfRange(change.bytes(), from, to), false));
                    }
                }
            }
        }
    }

    /** Returns the contents of a file. */
    byte[] contents(String name) {
        var inode = names.get(name);
        return Arrays.copyOf(inode.bytes, inode.size);
    }

    /** Replaces a file durably, or removes it ({@code null}), as a person or a broken disk would. */
    void tamper(String name, byte[] contents) {
        unsyncedNames.removeIf(
                change -> change.to().equals(name) || change.from().equals(name));
        if (contents == null) {
            names.remove(name);
            durableNames.remove(name);
        } else {
            var inode = new Inode();
            inode.bytes = Arrays.copyOf(contents, Math.max(64, contents.length));
            inode.size = contents.length;
            inode.durable = contents.clone();
            names.put(name, inode);
            durableNames.put(name, inode);
        }
    }

    /** Returns an independent, durable copy of all files. */
    CrashableStorage copy() {
        var copy = new CrashableStorage();
        for (var name : names.keySet()) {
            copy.tamper(name, contents(name));
        }
        copy.directories.addAll(directories);
        return copy;
    }

    private Fault step(String operation, String name) throws IOException {
        if (steps >= crashAtStep) {
            throw new Crash(steps);
        }
        steps++;
        operations.add(operation + " " + name);
        return before(operation, name);
    }

    private Fault before(String operation, String name) throws IOException {
        var fault = faults.next(operation, name);
        if (fault == Fault.FAIL_BEFORE) {
            throw new IOException("simulated failure before " + operation + " of " + name);
        }
        if (fault == Fault.DISK_FULL) {
            throw new DiskFullException("simulated full disk at " + operation + " of " + name, new IOException("full"));
        }
        return fault;
    }

    private static void after(Fault fault, String operation, String name) throws IOException {
        if (fault != Fault.NONE) {
            throw new IOException("simulated failure after " + operation + " of " + name);
        }
    }

    private void change(NameChange change) {
        change.apply(names);
        unsyncedNames.add(change);
    }

    @Override
    public Closeable lock() throws IOException {
        if (locked) {
            throw new IllegalStateException("the storage is locked");
        }
        locked = true;
        int taken = life;
        return () -> {
            if (taken == life) {
                locked = false;
            }
        };
    }

    @Override
    public List<String> list(String directory) throws IOException {
        before("list", directory);
        var found = new ArrayList<String>();
        var prefix = directory.isEmpty() ? "" : directory + "/";
        for (var name : names.keySet()) {
            if (name.startsWith(prefix) && name.indexOf('/', prefix.length()) < 0) {
                found.add(name.substring(prefix.length()));
            }
        }
        if (directory.isEmpty()) {
            directories.forEach(name -> found.add(name + "/"));
        }
        Collections.sort(found);
        return found;
    }

    @Override
    public StoredFile create(String name) throws IOException {
        if (names.containsKey(name)) {
            throw new FileAlreadyExistsException(name);
        }
        var fault = step("create", name);
        var inode = new Inode();
        change(new NameChange("", name, inode));
        after(fault, "create", name);
        return new File(name, inode);
    }

    @Override
    public StoredFile open(String name, boolean writable) throws IOException {
        if (steps >= crashAtStep) {
            throw new Crash(steps);
        }
        var inode = names.get(name);
        if (inode == null) {
            throw new NoSuchFileException(name);
        }
        var fault = before("open", name);
        after(fault, "open", name);
        return new File(name, inode);
    }

    @Override
    public void rename(String from, String to) throws IOException {
        var inode = names.get(from);
        if (inode == null) {
            throw new NoSuchFileException(from);
        }
        var fault = step("rename", from + " to " + to);
        change(new NameChange(from, to, inode));
        after(fault, "rename", from);
    }

    @Override
    public void delete(String name) throws IOException {
        var inode = names.get(name);
        if (inode != null) {
            var fault = step("delete", name);
            change(new NameChange(name, "", inode));
            after(fault, "delete", name);
        }
    }

    @Override
    public void createDirectory(String name) throws IOException {
        if (!directories.contains(name)) {
            var fault = step("create directory", name);
            directories.add(name);
            after(fault, "create directory", name);
        }
    }

    @Override
    public void syncDirectory(String directory) throws IOException {
        var fault = step("sync directory", directory);
        if (fault == Fault.NONE) {
            var remaining = new ArrayList<NameChange>();
            for (var change : unsyncedNames) {
                // As with a journal, a sync of either directory makes a rename between them durable.
                if (change.directory().equals(directory)
                        || (directory.isEmpty() && !change.from().isEmpty())) {
                    change.apply(durableNames);
                } else {
                    remaining.add(change);
                }
            }
            unsyncedNames = remaining;
        }
        after(fault, "sync directory", directory);
    }

    @Override
    public long usableBytes() {
        return Long.MAX_VALUE / 2;
    }

    private long usedBytes() {
        return names.values().stream().mapToLong(inode -> inode.size).sum();
    }

    private final class File implements StoredFile {
        private final String name;
        private final Inode inode;
        private final int opened = life;
        private boolean closed;

        File(String name, Inode inode) {
            this.name = name;
            this.inode = inode;
        }

        private void check() {
            if (closed || opened != life) {
                throw new IllegalStateException("the handle of " + name + " is closed");
            }
        }

        @Override
        public int read(ByteBuffer target, long position) throws IOException {
            check();
            after(before("read", name), "read", name);
            if (position >= inode.size) {
                return -1;
            }
            int length = (int) Math.min(target.remaining(), inode.size - position);
            target.put(inode.bytes, (int) position, length);
            return length;
        }

        @Override
        public void write(ByteBuffer source, long position) throws IOException {
            check();
            var fault = step("write", name);
            var bytes = new byte[source.remaining()];
            source.get(bytes);
            long room = capacityBytes == Long.MAX_VALUE ? Long.MAX_VALUE : capacityBytes - usedBytes();
            long growth = Math.max(0, position + bytes.length - inode.size);
            boolean tooLarge = growth > room;
            if (tooLarge) {
                bytes = Arrays.copyOf(bytes, (int) Math.max(0, bytes.length - (growth - room)));
            } else if (fault == Fault.FAIL_MIDWAY) {
                bytes = Arrays.copyOf(bytes, bytes.length / 2);
            }
            if (bytes.length > 0) {
                var change = new Change(position, bytes, false);
                inode.apply(change);
                inode.unsynced.add(change);
            }
            if (tooLarge) {
                throw new DiskFullException("simulated full disk at write of " + name, new IOException("full"));
            }
            after(fault, "write", name);
        }

        @Override
        public void force() throws IOException {
            check();
            var fault = step("force", name);
            var state = new Inode();
            state.bytes = Arrays.copyOf(inode.durable, Math.max(64, inode.durable.length));
            state.size = inode.durable.length;
            var limbo = new ArrayList<Change>();
            for (var change : inode.unsynced) {
                if (fault != Fault.NONE || change.limbo()) {
                    limbo.add(new Change(change.position(), change.bytes(), true));
                } else {
                    state.apply(change);
                }
            }
            inode.unsynced = limbo;
            inode.durable = Arrays.copyOf(state.bytes, state.size);
            after(fault, "force", name);
        }

        @Override
        public void truncate(long size) throws IOException {
            check();
            var fault = step("truncate", name);
            var change = new Change(size, new byte[0], false);
            inode.apply(change);
            inode.unsynced.add(change);
            after(fault, "truncate", name);
        }

        @Override
        public long size() {
            check();
            return inode.size;
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
