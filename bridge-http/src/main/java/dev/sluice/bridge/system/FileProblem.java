package dev.sluice.bridge.system;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** Explains why a file cannot be used. The message of many I/O exceptions is only the path. */
public final class FileProblem {
    private FileProblem() {}

    /** Returns the reason in one line that names the file. */
    public static String of(IOException problem) {
        if (!(problem instanceof FileSystemException e)) {
            return problem.getMessage() == null ? problem.getClass().getSimpleName() : problem.getMessage();
        }
        if (e instanceof NoSuchFileException) {
            return e.getFile() + " does not exist";
        }
        if (e instanceof AccessDeniedException) {
            return "the user " + System.getProperty("user.name") + " has no permission for " + e.getFile();
        }
        if (e instanceof FileAlreadyExistsException || e instanceof NotDirectoryException) {
            return e.getFile() + " is not a directory";
        }
        return e.getFile() + ": "
                + (e.getReason() == null
                        ? e.getClass().getSimpleName()
                        : e.getReason()); // For example "No space left on device".
    }
}
