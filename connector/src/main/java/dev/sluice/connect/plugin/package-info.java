/** What both connectors need as plug-ins of a Connect worker: settings of PostgreSQL, sessions, metrics, version. */
@NullMarked
package dev.sluice.connect.plugin;

import org.jspecify.annotations.NullMarked;
