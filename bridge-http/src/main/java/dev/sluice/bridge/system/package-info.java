/**
 * The operating system around the process: files of the owner only, shells, the locale, links of services, and the two
 * exceptions that end a start with a message.
 */
@NullMarked
package dev.sluice.bridge.system;

import org.jspecify.annotations.NullMarked;
