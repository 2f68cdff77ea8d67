package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/**
 * The file operations that a log uses, on one directory. Names are relative to the directory; a name may lie in a
 * subdirectory ({@code quarantine/x}). The tests have an implementation that loses unsynced data and fails on demand.
 *
 * <p>Bytes are durable after {@link StoredFile#force}. Names (creations, renames, deletions) are durable after
 * {@link #syncDirectory}. After an {@link IOException}, the operation may have happened, in part, or not at all.
 */
interface Storage {

    /** Locks the directory until the handle is closed; throws {@link DirectoryLockedException} if it is locked. */
    Closeable lock() throws IOException;

    /** Lists files, and subdirectories with a trailing slash, of the directory or a subdirectory, sorted by name. */
    List<String> list(String directory) throws IOException;

    /** Creates a file for reading and writing; fails with FileAlreadyExistsException if the name is taken. */
    StoredFile create(String name) throws IOException;

    /** Opens an existing file; fails with NoSuchFileException if there is none. */
    StoredFile open(String name, boolean writable) throws IOException;

    /** Renames a file in one step; replaces the file that has the new name. */
    void rename(String from, String to) throws IOException;

    /** Deletes a file; does nothing if there is none. */
    void delete(String name) throws IOException;

    /** Creates a subdirectory if it is missing. */
    void createDirectory(String name) throws IOException;

    /** Makes the names in the directory ({@code ""}) or in a subdirectory durable. */
    void syncDirectory(String directory) throws IOException;

    /** Returns how many bytes the file system has room for. */
    long usableBytes() throws IOException;
}
