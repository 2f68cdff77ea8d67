/**
 * The operating system around the process: directories, file permissions, locale, environment and threads.
 *
 * <p>The classes do not depend on each other, except that they throw {@link dev.sluice.bridge.system.StartException},
 * describe I/O errors with {@link dev.sluice.bridge.system.FileProblem} and quote commands with
 * {@link dev.sluice.bridge.system.Shell}. They keep no state but {@link dev.sluice.bridge.system.DataDirectory}, which
 * holds a lock until it is closed. They know nothing of messages, settings or PostgreSQL.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.system.DataDirectory}: the bridge owns its data directory alone.
 *   <li>{@link dev.sluice.bridge.system.OwnFiles}: the key, the password, the log and the database keep other users
 *       out.
 *   <li>{@link dev.sluice.bridge.system.FileProblem}: start, settings and database explain I/O errors with it.
 *   <li>{@link dev.sluice.bridge.system.NativeLocale}: configuration and command line reject text that the locale
 *       garbles.
 *   <li>{@link dev.sluice.bridge.system.ServiceLinks}: configuration ignores the variables of Kubernetes.
 *   <li>{@link dev.sluice.bridge.system.FileTree}: start and database delete directories with it.
 *   <li>{@link dev.sluice.bridge.system.Shell}: messages quote words of commands with it.
 *   <li>{@link dev.sluice.bridge.system.Threads}: it creates every thread that the bridge starts.
 *   <li>{@link dev.sluice.bridge.system.StartException} and {@link dev.sluice.bridge.system.ConfigException}: they end
 *       a start with a message for the user.
 * </ul>
 */
@NullMarked
package dev.sluice.bridge.system;

import org.jspecify.annotations.NullMarked;
