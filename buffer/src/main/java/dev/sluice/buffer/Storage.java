package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/**
 * The few file operations a log uses, on one directory. Names are relative to it; a name may lie in one subdirectory
 * ({@code quarantine/x}). The tests have a second form that loses what was not synced and fails on demand.
 *
 * <p>Nothing is durable by itself: bytes after {@link StoredFile#force}, names (creations, renames, deletions) after
 * {@link #syncDirectory}. Every method may throw {@link IOException}, and then may have happened, in part or not at
 * all.
 */
interface Storage {

    /** Takes the log for this process until the handle is closed, or throws {@link DirectoryLockedException}. */
    Closeable lock() throws IOException;

    /** Lists files and subdirectories (the latter with a trailing slash) of the directory, or of a subdirectory. */
    List<String> list(String directory) throws IOException;

    /** Creates a file for reading and writing; fails with FileAlreadyExistsException if the name is taken. */
    StoredFile create(String name) throws IOException;

    /** Opens an existing file; fails with NoSuchFileException if there is none. */
    StoredFile open(String name, boolean writable) throws IOException;

    /** Renames, replacing what has the new name, in one step. */
    void rename(String from, String to) throws IOException;

    /** Deletes a file; does nothing if there is none. */
    void delete(String name) throws IOException;

    /** Creates a subdirectory if it is missing. */
    void createDirectory(String name) throws IOException;

    /** Makes the names in the directory ({@code ""}) or a subdirectory durable. */
    void syncDirectory(String directory) throws IOException;

    /** Says how many more bytes the file system has room for. */
    long usableBytes() throws IOException;
}
