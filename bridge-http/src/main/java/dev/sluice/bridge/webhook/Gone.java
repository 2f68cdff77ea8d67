package dev.sluice.bridge.webhook;

import dev.sluice.work.Work;

/** Disables an endpoint. Called by the threads of the client: must not block. What it throws is logged. */
@FunctionalInterface
public interface Gone {
    /**
     * Says that a target has answered 410: it wants no more messages. Works that are in flight may say it too.
     *
     * @param work the work that was refused, which becomes a dead letter
     * @param reason for people
     */
    void gone(Work work, String reason);
}
