package dev.sluice.work.run;

/** Why a handler is to end. */
public enum Stop {
    NONE,
    TIMEOUT,
    CANCEL,
    CLOSE,
    LOST
}
