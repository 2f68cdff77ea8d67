package dev.sluice.bridge.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.buffer.LogDirectory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class BufferCommandTest extends BufferCommandFixture {
    @Nested
    class TheWords {
        @Test
        void areRefusedWhenTheyAreNotACommand() {
            for (String[] words : new String[][] {
                {},
                {"look"},
                {"inspect", "--fast"},
                {"inspect", "here"},
                {"verify", "--dir"},
                {"export", "--all", "--failed"},
                {"requeue"},
                {"requeue", "a", "b"},
                {"requeue", "a", "--failed"},
                {"requeue", "a", "--url", "localhost:1"},
                {"requeue", "a", "--url", "ftp://localhost:1"},
                {"--fast"}
            }) {
                Ran ran = run(words);
                assertThat(ran.status()).as(List.of(words).toString()).isEqualTo(BufferCommand.WRONG_USAGE);
                assertThat(ran.out()).isEmpty();
                assertThat(ran.err()).startsWith("sluice: ");
            }
            assertThat(run().err()).contains("Exit codes: 0 fine");
            assertThat(run("--help")).isEqualTo(new Ran(BufferCommand.FINE, BufferCommand.USAGE, ""));
        }

        @Test
        void areRefusedWhenTheConfigurationIsNotValid() {
            var err = new ByteArrayOutputStream();
            int status = BufferCommand.run(
                    List.of("inspect"),
                    (file, dir) -> {
                        throw new UsageException(List.of("a is wrong", "b is wrong"));
                    },
                    new ByteArrayInputStream(new byte[0]),
                    new PrintStream(new ByteArrayOutputStream(), true, UTF_8),
                    new PrintStream(err, true, UTF_8));
            assertThat(status).isEqualTo(BufferCommand.WRONG_USAGE);
            assertThat(err.toString(UTF_8)).isEqualTo("sluice: a is wrong\nsluice: b is wrong\n");
        }

        @Test
        void nameAnExistingDirectoryWithALog() throws IOException {
            Path empty = Files.createDirectory(root.resolve("empty"));
            Path file = Files.createFile(root.resolve("file"));
            for (String command : List.of("inspect", "verify", "repair", "export")) {
                assertThat(run(command, "--dir", root.resolve("none").toString())
                                .status())
                        .isEqualTo(BufferCommand.CANNOT_OPEN);
                assertThat(run(command, "--dir", empty.toString()))
                        .isEqualTo(
                                new Ran(BufferCommand.CANNOT_OPEN, "", "sluice: there is no log in " + empty + "\n"));
                assertThat(run(command, "--dir", file.toString()).status()).isEqualTo(BufferCommand.CANNOT_OPEN);
            }
            assertThat(root.resolve("none")).doesNotExist();
            assertThat(empty).isEmptyDirectory();
        }
    }

    @Nested
    class Inspecting {
        @Test
        void showsEveryLogAndChangesNothing() throws Exception {
            addFailed(new byte[] {1}, new byte[] {2});
            var before = snapshot();
            Ran ran = run("inspect", "--json");
            assertThat(ran.status()).as(ran.err()).isZero();
            JsonNode json = ran.json();
            assertThat(json.get("generation").asInt()).isEqualTo(1);
            assertThat(json.get("lanes").asInt()).isEqualTo(2);
            assertThat(json.get("waiting").asInt()).isEqualTo(MESSAGES);
            assertThat(json.get("failedRecords").asInt()).isEqualTo(2);
            assertThat(json.get("holder").isNull()).isTrue();
            assertThat(json.get("logs").findValuesAsText("name")).containsExactly("1/0", "1/1", "failed");
            assertThat(json.at("/logs/0/closedCleanly").asBoolean()).isTrue();
            assertThat(json.at("/logs/0/segments")).isNotEmpty();
            assertThat(run("inspect").out())
                    .contains("in use      no")
                    .contains("lane        1/1, log ")
                    .contains("failed      2 records");
            assertThat(snapshot()).isEqualTo(before);
        }

        @Test
        void namesTheOwnerOfARunningLogAndDoesNotDisturbIt() throws Exception {
            try (var running = Lanes.open(directory, 2, config(directory))) {
                assertThat(run("inspect", "--json").json().get("holder").asText())
                        .startsWith("process " + ProcessHandle.current().pid() + " on ");
                assertThat(run("verify").status()).isZero();
                assertThat(run("verify").err()).contains("in use by process ");
                assertThat(run("export").lines()).hasSize(MESSAGES);
                assertThat(running.status()).hasSize(2);
                assertThat(LogDirectory.holder(directory.resolve("generation-1/lane-0")))
                        .isPresent();
            }
        }

        @Test
        void reportsThatALaneIsNoLongerDrained() throws Exception {
            Files.createFile(directory.resolve("generation-1/lane-1.source-taken"));
            Ran ran = run("inspect");
            assertThat(ran.status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(ran.out()).contains("problem     lane 1/1 is not drained while there is ");
        }

        @Test
        void findsADamagedListOfLanes() throws Exception {
            Files.writeString(directory.resolve("lanes.properties"), "generation=x\n");
            assertThat(run("inspect").status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(run("verify").status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(run("requeue", "-").status()).isEqualTo(BufferCommand.CANNOT_OPEN);
            assertThat(run("repair").out()).contains("set aside as ");
            try (var lanes = Lanes.open(directory, 1, config(directory))) {
                assertThat(lanes.status().stream()
                                .mapToLong(log -> log.uncommittedEntries())
                                .sum())
                        .isEqualTo(MESSAGES);
            }
        }
    }

    @Nested
    class Verifying {
        @Test
        void findsNothingInAnIntactLog() throws Exception {
            addFailed(new byte[] {1});
            var before = snapshot();
            JsonNode json = run("verify", "--json").json();
            assertThat(json.get("fine").asBoolean()).isTrue();
            assertThat(json.get("logs").findValuesAsText("name")).containsExactly("1/0", "1/1", "failed");
            assertThat(json.at("/logs/0/report/entries").asInt()
                            + json.at("/logs/1/report/entries").asInt())
                    .isEqualTo(MESSAGES);
            assertThat(run("verify").out()).endsWith("nothing out of the ordinary\n");
            assertThat(snapshot()).isEqualTo(before);
        }

        @Test
        void findsDamageAndChangesNothing() throws Exception {
            flip(segment(), 500);
            var before = snapshot();
            Ran ran = run("verify", "--json");
            assertThat(ran.status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(ran.json().get("fine").asBoolean()).isFalse();
            assertThat(ran.json().at("/logs/0/report/findings")).isNotEmpty();
            assertThat(run("verify").out()).contains("00000000000000000000.log at byte ");
            assertThat(snapshot()).isEqualTo(before);
        }
    }

    @Nested
    class Repairing {
        @Test
        void cutsATornTailOnceAndForAll() throws Exception {
            Path lane = directory.resolve("generation-1/lane-0");
            Path newest;
            try (var files = Files.list(lane)) {
                newest = files.filter(file -> file.toString().endsWith(".log"))
                        .sorted()
                        .reduce((a, b) -> b)
                        .orElseThrow();
            }
            byte[] bytes = Files.readAllBytes(newest);
            Files.write(newest, Arrays.copyOf(bytes, bytes.length - 3));
            assertThat(run("verify").status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(run("repair").status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(run("repair").status()).isZero();
            assertThat(run("verify").status()).isZero();
        }

        @Test
        void isRefusedWhileTheLogRunsAndChangesNothing() throws Exception {
            try (var running = Lanes.open(directory, 2, config(directory))) {
                Ran ran = run("repair");
                assertThat(ran.status()).isEqualTo(BufferCommand.CANNOT_OPEN);
                assertThat(ran.err())
                        .contains("in use by process " + ProcessHandle.current().pid() + " on ")
                        .contains("; stop it first");
                assertThat(running.status()).hasSize(2);
            }
        }
    }
}
