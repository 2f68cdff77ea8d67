package dev.sluice.bridge.http;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Parses a request body of lines with one JSON value each. Ignores blank lines. */
public final class NdjsonLines {
    /** Parses lines. */
    public interface Parser<T> {
        /** Parses the bytes of a line without its end. {@code index} counts the lines before it that are not blank. */
        T parse(byte[] line, int index);
    }

    private NdjsonLines() {}

    /**
     * Parses a body.
     *
     * @param most the largest number of lines that are not blank
     * @param what names the lines in the message
     * @param memory of the request
     * @throws InvalidRequestException (400) if there are more lines, or if one cannot be parsed; names the line, from 1
     */
    public static <T> List<T> parse(byte[] body, int most, String what, RequestMemory.Claim memory, Parser<T> parser) {
        var parsed = new ArrayList<T>();
        int number = 1;
        for (int from = 0; from < body.length; number++) {
            int to = from;
            while (to < body.length && body[to] != '\n') {
                to++;
            }
            int start = from;
            from = to + 1;
            if (isBlank(body, start, to)) {
                continue;
            }
            if (parsed.size() == most) {
                throw badRequest(what + " must be at most " + most + " (http.max.items)");
            }
            boolean isWhole = start == 0 && to == body.length;
            long copied = isWhole ? 0 : to - start;
            memory.take(copied);
            try {
                parsed.add(parser.parse(isWhole ? body : Arrays.copyOfRange(body, start, to), parsed.size()));
            } catch (InvalidRequestException e) {
                throw e.at("line " + number);
            }
            memory.giveBack(copied);
        }
        return parsed;
    }

    private static boolean isBlank(byte[] body, int from, int to) {
        for (int i = from; i < to; i++) {
            if (body[i] != ' ' && body[i] != '\r' && body[i] != '\t') {
                return false;
            }
        }
        return true;
    }
}
