package dev.sluice.bridge.webhook;

/** How a payload becomes a body. */
public enum PayloadFormat {
    /** The body is the payload. */
    PLAIN,

    /** The body is the payload, and headers {@code ce-…} are the attributes of a CloudEvent. */
    CLOUDEVENTS_BINARY,

    /** The body is a CloudEvent as JSON, with the payload as its data. */
    CLOUDEVENTS_STRUCTURED
}
