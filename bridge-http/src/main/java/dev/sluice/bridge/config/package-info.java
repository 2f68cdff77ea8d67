/**
 * The configuration: where settings come from, which keys exist, which values are valid, and the typed settings that
 * each part of the service gets.
 *
 * <pre>
 * ConfigSources ──texts by key──▶ ConfigParser ──Values──▶ BridgeConfig ──▶ HttpSettings, DataSettings, …
 *  PropertiesFile, References      BridgeKeys → KeyGroup → Key
 * </pre>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.config.ConfigSources} reads the file and the environment, which wins.
 *       {@code References} replaces <code>${env:NAME}</code> and <code>${file:PATH:KEY}</code>.
 *   <li>A {@code Key} is the only place that knows a setting: name, type, parser, default, range, and the sentence in
 *       the reference. It is a constant of the {@code *Settings} class of its part, made by the {@code KeyGroup} of
 *       that class. A group is a section of {@code docs/configuration.md}, and the order of the constants is the order
 *       in it.
 *   <li>{@code BridgeKeys} lists the groups, and suggests the nearest key for an unknown one.
 *   <li>{@code ConfigParser} parses each key alone, checks the values together, and reports all problems at once.
 *   <li>{@link dev.sluice.bridge.config.BridgeConfig} gives each part its settings. If a part has a configuration
 *       record of its own, such as {@code DrainConfig}, the {@code *Settings} class makes that record; otherwise it is
 *       the record.
 *   <li>{@link dev.sluice.bridge.config.ListenAddress} is {@code http.host} and {@code http.port}, and checks them
 *       before the start. {@link dev.sluice.bridge.config.Secrets} hides secrets in texts for people.
 * </ul>
 *
 * <p>To add a setting: declare the key in the settings class of its part, pass its value on there, and let
 * {@code ConfigReferenceTest} write the page. Every message about a value names key, value and range; a message never
 * shows the value of a key that may hold a secret. All types are immutable, and nothing is read again after the start.
 *
 * <p>Public types: {@code ConfigSources}, {@code BridgeConfig}, {@code ListenAddress} and {@code Secrets} (the command
 * line and the wiring), and the settings records, from which the wiring reads: {@code DataSettings},
 * {@code PostgresSettings}, {@code DrainSettings}, {@code PopSettings}, {@code RetentionSettings},
 * {@code AdministrationSettings}, {@code MetricsSettings} and {@code StopSettings}.
 */
@NullMarked
package dev.sluice.bridge.config;

import org.jspecify.annotations.NullMarked;
