package dev.sluice.bridge.http;

import java.util.Map;
import org.eclipse.jetty.http.HttpStatus;
import org.jspecify.annotations.Nullable;

/**
 * Says why a request is not valid HTTP, in words for the developer of the client. Jetty refuses such a request with a
 * short reason, or with an exception whose message is the reason.
 */
final class BadHttp {
    private static final String HOST =
            "Host must be one host name or address, with a port of 0 to 65535 behind it or without one";
    private static final String VERSION = "The request line must end with HTTP/1.1 or HTTP/1.0";
    private static final String CHUNKED = "Transfer-Encoding must be chunked, once";
    private static final String UNESCAPED = "The path has a character that must be percent-encoded";
    private static final String NOT_UTF8 = "The path is not percent-encoded UTF-8";
    private static final String NO_COLON = "A header must have a colon";
    /** What Jetty says of an escape without two hexadecimal digits. */
    private static final String NO_DIGIT = "!hex";

    private static final String ILLEGAL_CHARACTER = "Illegal character ";

    /** What Jetty says, and what we say. */
    private static final Map<String, String> REASONS = Map.ofEntries(
            Map.entry("Invalid Content-Length Value", "Content-Length must be one number of bytes, in digits"),
            Map.entry("long overflow", "Content-Length is larger than any body"),
            Map.entry("Multiple Content-Lengths", "Content-Length must occur once"),
            Map.entry(
                    "Transfer-Encoding and Content-Length",
                    "A request must not have both Content-Length and Transfer-Encoding"),
            Map.entry("Bad Transfer-Encoding, chunked not last", CHUNKED),
            Map.entry("Bad Transfer-Encoding, multiple chunked tokens", CHUNKED),
            Map.entry("No Host", "A request of HTTP/1.1 must have a Host"),
            Map.entry("Blank Host", "Host must not be empty"),
            Map.entry("Duplicate Host Header", "Host must occur once"),
            Map.entry("Bad HostPort", HOST),
            Map.entry("Invalid Authority", HOST),
            Map.entry("Deprecated User Info", "The address must not have a user in front of the host"),
            Map.entry("HTTP/0.9 not supported", VERSION),
            Map.entry("Unknown Version", VERSION),
            Map.entry("Unsupported Version", VERSION),
            Map.entry("Upgrade Required", VERSION),
            Map.entry("No URI", "The request line has no address"),
            Map.entry("Bad URI", "The path leads above its root with the segment .."),
            Map.entry("Bad URI path", "The address must be a path or a URL of http"),
            Map.entry(
                    "Relative path with authority", "The address must be a path that starts with /, or a URL of http"),
            Map.entry("Fragment", "The address must not have a fragment; a # in a name is %23"),
            Map.entry("Illegal Path Character", UNESCAPED),
            Map.entry("Illegal character in path", "The path must not have the escape of a control character"),
            Map.entry("Bad UTF-8 encoding", NOT_UTF8),
            Map.entry("Truncated UTF-8 encoding", NOT_UTF8),
            Map.entry("UTF-16 encoding", "The path must not have an escape %u; escapes are those of UTF-8"),
            Map.entry("Bad URI % encoding", Problem.UNDECODABLE),
            Map.entry("Line Folding not supported", "A header line must start with the name of the header"),
            Map.entry("Whitespace not allowed after field name", "A header must have no space in front of its colon"),
            Map.entry("Fields must have a Colon", NO_COLON),
            Map.entry("Illegal character EOL=0xa", NO_COLON),
            Map.entry("Bad EOL", "A line of the request must end with CR LF"),
            Map.entry("LF line terminator in header", "A line of the request must end with CR LF, not with LF alone"));

    private BadHttp() {}

    /**
     * Returns what is wrong with a request.
     *
     * @param status with which Jetty refuses it
     * @param reason what Jetty says; may be only the name of the status
     * @param cause the exception behind it, if there is one
     * @param headBytes the largest size of a request line with its headers ({@code http.max.header.bytes})
     */
    static String describe(int status, @Nullable String reason, @Nullable Throwable cause, int headBytes) {
        String limit = "http.max.header.bytes (" + headBytes + " bytes)";
        switch (status) {
            case HttpStatus.URI_TOO_LONG_414 -> {
                return "The address is longer than " + limit;
            }
            case HttpStatus.REQUEST_HEADER_FIELDS_TOO_LARGE_431 -> {
                return "The request line and the headers are larger than " + limit;
            }
            case HttpStatus.EXPECTATION_FAILED_417 -> {
                return "Expect must be 100-continue";
            }
            default -> {
                return describe(status, reason, cause);
            }
        }
    }

    private static String describe(int status, @Nullable String reason, @Nullable Throwable cause) {
        String phrase = HttpStatus.getMessage(status);
        String known = reason == null ? null : REASONS.get(reason);
        if (known != null) {
            return known;
        }
        if (reason != null && reason.startsWith(ILLEGAL_CHARACTER)) {
            return "The request line or a header has a character that is not allowed there: "
                    + reason.substring(ILLEGAL_CHARACTER.length());
        }
        if (reason != null && !reason.isEmpty() && !reason.equals(phrase)) {
            return reason;
        }
        return status == HttpStatus.BAD_REQUEST_400 && cause != null ? innermost(cause) : phrase;
    }

    /** Describes a failure that Jetty calls a bad request and gives no reason for. */
    private static String innermost(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        String message = String.valueOf(cause.getMessage());
        String known = REASONS.get(message);
        if (known != null) {
            return known;
        }
        if (cause instanceof NumberFormatException) { // An address has two kinds of numbers.
            return message.startsWith(NO_DIGIT) ? Problem.UNDECODABLE : "The port of the address must be a number";
        }
        return "The request is not valid HTTP: " + message;
    }
}
