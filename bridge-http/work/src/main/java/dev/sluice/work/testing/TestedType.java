package dev.sluice.work.testing;

import dev.sluice.work.Batching;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;

/** A type with its handler. */
record TestedType(String name, Hooks handler, Batching batching, HandlerSettings settings) {}
