package dev.sluice.bridge.work;

/** The engine in a process of {@code ./sluice work}, from a file, with the handler in a plug-in. */
class WorkProgramTest extends BridgeProgramTest {
    @Override
    String command() {
        return "work";
    }
}
