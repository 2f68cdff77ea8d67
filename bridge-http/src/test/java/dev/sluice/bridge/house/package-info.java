/**
 * What the source code of all modules must look like, so that a newcomer finds the room from the name on the door.
 *
 * <p>{@link dev.sluice.bridge.house.SourceTree} reads the source files with the parser of the compiler.
 * {@link dev.sluice.bridge.house.HouseTest} holds the limits, and {@link dev.sluice.bridge.house.Measures} prints the
 * figures behind them.
 */
@NullMarked
package dev.sluice.bridge.house;

import org.jspecify.annotations.NullMarked;
