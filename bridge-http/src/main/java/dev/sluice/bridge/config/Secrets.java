package dev.sluice.bridge.config;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Hides likely secrets in a text for people. This is the last barrier: code that knows a secret does not put it into a
 * text in the first place. The layout of {@code logback.xml} hides the same patterns in the log.
 */
public final class Secrets {
    static final String HIDDEN = "[hidden]";

    /** A user and a password before a host, up to the last @ of the word. */
    private static final Pattern USER_INFO = Pattern.compile("(://)[^\\s/@?]*:[^\\s?]*@");

    private static final Pattern NAMED = Pattern.compile("(?i)((?:password|passphrase|secret|token)=)[^&\\s\"',;]+");
    private static final Pattern NAME_OF_SECRET =
            Pattern.compile("(?i).*(?:password|passphrase|passwd|secret|token|credential|key|auth).*");

    private static final Pattern PRIVATE_KEY = Pattern.compile("(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*");
    private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}+");

    private Secrets() {}

    /** Returns whether the value of a setting with this name, which is none of ours, may be a secret. */
    static boolean isName(String name) {
        return NAME_OF_SECRET.matcher(name).matches();
    }

    /** Returns a text without secrets. */
    static String hidden(String text) {
        String shown = text;
        for (Pattern pattern : List.of(USER_INFO, NAMED)) {
            shown = pattern.matcher(shown).replaceAll("$1" + HIDDEN + (pattern == USER_INFO ? "@" : ""));
        }
        return PRIVATE_KEY.matcher(shown).replaceAll(HIDDEN);
    }

    /** Returns a text without secrets, in one line. */
    public static String line(String text) {
        return CONTROL.matcher(hidden(text)).replaceAll(" ");
    }
}
