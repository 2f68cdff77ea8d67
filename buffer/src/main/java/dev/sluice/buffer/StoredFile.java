package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;

/** An open file of a {@link Storage}. */
interface StoredFile extends Closeable {

    /** Reads into the buffer from the position; returns the number of bytes, or -1 at or beyond the end. */
    int read(ByteBuffer target, long position) throws IOException;

    /** Writes the remaining bytes of the buffer at the position. After an exception, the file may hold a part. */
    void write(ByteBuffer source, long position) throws IOException;

    /** Makes contents and size durable. After an exception, earlier writes may or may not be durable. */
    void force() throws IOException;

    /** Truncates the file to the size. */
    void truncate(long size) throws IOException;

    /** Returns the size in bytes. */
    long size() throws IOException;
}
