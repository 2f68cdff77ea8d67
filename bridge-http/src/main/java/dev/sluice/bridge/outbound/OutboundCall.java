package dev.sluice.bridge.outbound;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A POST.
 *
 * @param url where it goes
 * @param headers names and values, which the caller has checked
 * @param body what is sent. Not copied: do not change it
 * @param timeout how long the look-up, the connect, the request and the answer may take together
 */
@SuppressWarnings("ArrayRecordComponent") // Nothing compares calls, and copies of bodies would be expensive.
public record OutboundCall(OutboundUrl url, Map<String, String> headers, byte[] body, Duration timeout) {
    public OutboundCall {
        headers = new LinkedHashMap<>(headers);
    }
}
