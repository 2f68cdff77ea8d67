package dev.sluice.bridge.api;

import static dev.sluice.bridge.api.InvalidRequestException.badRequest;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import io.javalin.http.Context;
import io.javalin.http.UnsupportedMediaTypeResponse;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.GZIPInputStream;

/** How the body of a request is compressed (RFC 9110 §8.4; gzip of RFC 1952, zstd of RFC 8878). */
enum ContentEncoding {
    IDENTITY,
    GZIP,
    ZSTD;

    private static final String ALL = "gzip, zstd";
    private static final String WITHOUT_ZSTD = "gzip";
    private static final int LEAST_BYTES = 16 << 10;
    private static final int USUAL_RATIO = 4;

    /** Bounds a body while it grows, and gives it the memory. */
    interface Room {
        /** Most bytes the body may have. */
        int limitBytes();

        /** Says why it may not have more. */
        InvalidRequestException tooLarge();

        /**
         * Takes so many more bytes of memory.
         *
         * @throws RuntimeException if there are none
         */
        void reserve(int bytes);
    }

    /**
     * Reads the header {@code Content-Encoding}.
     *
     * @throws UnsupportedMediaTypeResponse (415) if it names another encoding or several, or zstd where its library cannot be
     *     loaded; the answer then has {@code Accept-Encoding}
     */
    static ContentEncoding of(Context ctx) {
        String header = ctx.header("Content-Encoding");
        String name = header == null ? "" : header.strip().toLowerCase(Locale.ROOT);
        return switch (name) {
            case "", "identity" -> IDENTITY;
            case "gzip", "x-gzip" -> GZIP;
            case "zstd" -> {
                Optional<String> problem = ZstdLibrary.problem();
                if (problem.isPresent()) {
                    throw refusal(ctx, "Content-Encoding zstd cannot be used here: " + problem.get());
                }
                yield ZSTD;
            }
            default -> throw refusal(ctx, "Content-Encoding is not supported: " + header);
        };
    }

    private static UnsupportedMediaTypeResponse refusal(Context ctx, String reason) {
        String supported = ZstdLibrary.problem().isPresent() ? WITHOUT_ZSTD : ALL;
        ctx.header("Accept-Encoding", supported);
        return new UnsupportedMediaTypeResponse(reason + " (supported: " + supported + ")");
    }

    /**
     * Decompresses a body. An empty one stays empty.
     *
     * @throws InvalidRequestException (400) if it is not what its header says, (413) if it has no room
     */
    byte[] decode(byte[] body, Room room) {
        if (body.length == 0) {
            return body;
        }
        return switch (this) {
            case IDENTITY -> body;
            case GZIP -> gunzip(body, room);
            case ZSTD -> unzstd(body, room);
        };
    }

    private static byte[] gunzip(byte[] body, Room room) {
        int length = 0;
        try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(body))) {
            int size = firstSize(body, room);
            room.reserve(size);
            byte[] bytes = new byte[size];
            for (int count = in.read(bytes); count >= 0; count = in.read(bytes, length, bytes.length - length)) {
                length += count;
                if (length > room.limitBytes()) {
                    throw room.tooLarge();
                }
                if (length == bytes.length) {
                    int larger = (int) Math.min(2L * length, room.limitBytes() + 1L);
                    room.reserve(larger - length);
                    bytes = Arrays.copyOf(bytes, larger);
                }
            }
            return Arrays.copyOf(bytes, length);
        } catch (IOException e) {
            throw badRequest("The request body is not gzip, or is cut off");
        }
    }

    /** One byte more than fits tells a body that is too large from one that just fits. */
    private static int firstSize(byte[] body, Room room) {
        return (int) Math.min(Math.max(LEAST_BYTES, (long) USUAL_RATIO * body.length), room.limitBytes() + 1L);
    }

    /**
     * Decompresses in one go into an array that is large enough. Decompressing as a stream would allocate, outside the heap, the
     * window a frame asks for, up to 128 MiB; this way there is none.
     */
    private static byte[] unzstd(byte[] body, Room room) {
        long announced = Zstd.getFrameContentSize(body);
        if (announced > room.limitBytes()) {
            throw room.tooLarge();
        }
        int size = Math.max((int) announced, firstSize(body, room) - 1);
        room.reserve(size);
        byte[] bytes = new byte[size];
        while (true) {
            try {
                long length = Zstd.decompressByteArray(bytes, 0, bytes.length, body, 0, body.length);
                return Arrays.copyOf(bytes, (int) length);
            } catch (ZstdException e) {
                if (e.getErrorCode() != Zstd.errDstSizeTooSmall()) {
                    throw badRequest("The request body is not zstd, or is cut off");
                }
            }
            if (bytes.length == room.limitBytes()) {
                throw room.tooLarge();
            }
            int larger = (int) Math.min(2L * bytes.length, room.limitBytes());
            room.reserve(larger - bytes.length);
            bytes = new byte[larger];
        }
    }
}
