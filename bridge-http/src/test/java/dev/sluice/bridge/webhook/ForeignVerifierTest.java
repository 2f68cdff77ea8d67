package dev.sluice.bridge.webhook;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The receivers of {@code docs/webhooks.md}, in the languages that this machine has, against what is really sent. */
class ForeignVerifierTest {
    private static final Path PAGE = Path.of("..", "docs", "webhooks.md");
    private static final Pattern BLOCK = Pattern.compile("(?s)<!-- verifier (\\S+) -->\n\n```\\w+\n(.*?)```");

    @TempDir
    Path directory;

    /** Returns the code of the page by the name of its file. */
    private static Map<String, String> verifiers() throws Exception {
        var found = new LinkedHashMap<String, String>();
        Matcher block = BLOCK.matcher(Files.readString(PAGE));
        while (block.find()) {
            found.put(block.group(1), block.group(2));
        }
        return found;
    }

    private Path write(String name) throws Exception {
        Path file = directory.resolve(name);
        Files.writeString(file, verifiers().get(name));
        return file;
    }

    /** Runs a verifier: headers as arguments, the body on its input. */
    private boolean accepts(
            List<String> command, String key, String id, String timestamp, String signature, byte[] body)
            throws Exception {
        var all = new ArrayList<>(command);
        all.addAll(List.of(key, id, timestamp, signature));
        Path input = directory.resolve("body");
        Files.write(input, body);
        Process process = new ProcessBuilder(all)
                .redirectInput(input.toFile())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("output").toFile())
                .start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        String output = Files.readString(directory.resolve("output"));
        assertThat(process.exitValue()).as(output).isIn(0, 1);
        assertThat(output.strip()).isIn("valid", "not valid");
        return process.exitValue() == 0 && output.strip().equals("valid");
    }

    private void checks(List<String> command) throws Exception {
        WebhookKey hmac = WebhookKey.parse(WebhookKey.newSecret());
        WebhookKey ed25519 = WebhookKey.parse(WebhookKey.newPrivateKey());
        byte[] body = ("{\"number\":12345678901234567890,\"text\":\"\\u0000 ä " + new String(Character.toChars(0x1f600))
                        + "\"}")
                .getBytes(UTF_8);
        String id = "0192f3a0-0000-7000-8000-000000000001";
        long now = Instant.now().getEpochSecond();
        String both = WebhookKey.signatures(List.of(ed25519, hmac), id, now, body);
        for (WebhookKey key : List.of(hmac, ed25519)) {
            String verification = key.verificationKey();
            String text = Long.toString(now);
            assertThat(accepts(command, verification, id, text, both, body)).isTrue();
            assertThat(accepts(command, verification, id, text, both, new byte[] {'{', '}'}))
                    .isFalse();
            assertThat(accepts(command, verification, id + "x", text, both, body))
                    .isFalse();
        }
        String old = Long.toString(now - 600);
        assertThat(accepts(
                        command,
                        hmac.verificationKey(),
                        id,
                        old,
                        WebhookKey.signatures(List.of(hmac), id, now - 600, body),
                        body))
                .as("too old")
                .isFalse();
        assertThat(accepts(
                        command,
                        WebhookKey.parse(WebhookKey.newPrivateKey()).verificationKey(),
                        id,
                        Long.toString(now),
                        both,
                        body))
                .as("another key")
                .isFalse();
    }

    private static void needs(String program, String option) throws Exception {
        boolean runs;
        try {
            Process process = new ProcessBuilder(program, option)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            runs = process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException e) {
            runs = false;
        }
        Assumptions.assumeTrue(runs, program + " is not on this machine");
    }

    @Test
    void thePageHasFiveLanguages() throws Exception {
        assertThat(verifiers()).containsOnlyKeys("Verify.java", "verify.mjs", "verify.py", "verify.go", "verify.sh");
    }

    @Test
    void java() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        checks(List.of(java, "-XX:TieredStopAtLevel=1", write("Verify.java").toString()));
    }

    @Test
    void node() throws Exception {
        needs("node", "--version");
        checks(List.of("node", write("verify.mjs").toString()));
    }

    @Test
    void python() throws Exception {
        needs("python3", "--version");
        String library = "import cryptography";
        Files.writeString(directory.resolve("library.py"), library);
        needs("python3", directory.resolve("library.py").toString());
        checks(List.of("python3", write("verify.py").toString()));
    }

    @Test
    void go() throws Exception {
        needs("go", "version");
        checks(List.of("go", "run", write("verify.go").toString()));
    }

    @Test
    void openssl() throws Exception {
        needs("openssl", "version");
        checks(List.of("bash", write("verify.sh").toString()));
    }
}
