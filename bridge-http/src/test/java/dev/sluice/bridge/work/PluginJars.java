package dev.sluice.bridge.work;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Makes plug-ins: a folder with a jar of compiled sources, or of classes of the tests. */
public final class PluginJars {
    private static final String SERVICES = "META-INF/services/dev.sluice.work.HandlerProvider";

    private PluginJars() {}

    /** Returns the class path of this test. */
    public static String classPath() {
        return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    }

    /**
     * Compiles sources into a jar of a plug-in.
     *
     * @param folder of the plug-in; made if it does not exist
     * @param sources by the name of the class
     * @param providers names of classes
     */
    public static Path compile(Path folder, Map<String, String> sources, String... providers) {
        try {
            Path work = Files.createTempDirectory("plugin");
            var files = new ArrayList<Path>();
            for (Map.Entry<String, String> source : sources.entrySet()) {
                Path file = work.resolve("src").resolve(source.getKey().replace('.', '/') + ".java");
                Files.createDirectories(file.getParent());
                files.add(Files.writeString(file, source.getValue()));
            }
            Path classes = Files.createDirectories(work.resolve("classes"));
            compile(files, classes, classPath());
            return jar(folder.resolve("plugin.jar"), entries(classes), providers);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Compiles files for Java 17. */
    public static void compile(List<Path> files, Path classes, String classPath) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        var output = new StringWriter();
        try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            boolean isCompiled = compiler.getTask(
                            output,
                            manager,
                            null,
                            List.of(
                                    "-d",
                                    classes.toString(),
                                    "-cp",
                                    classPath,
                                    "--release",
                                    "17",
                                    "-Xlint:all",
                                    "-proc:none"),
                            null,
                            manager.getJavaFileObjectsFromPaths(files))
                    .call();
            assertThat(isCompiled).as(output.toString()).isTrue();
        }
    }

    /** Puts classes of the tests into a jar of a plug-in. Inner classes need a place in the list. */
    public static Path of(Path folder, List<Class<?>> classes, String... providers) {
        try {
            Path staged = Files.createTempDirectory("plugin");
            for (Class<?> each : classes) {
                String name = each.getName().replace('.', '/') + ".class";
                Path file = staged.resolve(name);
                Files.createDirectories(file.getParent());
                try (InputStream bytes = each.getClassLoader().getResourceAsStream(name)) {
                    Files.copy(bytes, file);
                }
            }
            return jar(folder.resolve("plugin.jar"), entries(staged), providers);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, Path> entries(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile)
                    .collect(java.util.stream.Collectors.toMap(
                            file -> directory.relativize(file).toString(), file -> file));
        }
    }

    /** Writes a jar. */
    public static Path jar(Path file, Map<String, Path> entries, String... providers) throws IOException {
        Files.createDirectories(file.getParent());
        try (var jar = new JarOutputStream(Files.newOutputStream(file))) {
            for (Map.Entry<String, Path> entry : entries.entrySet()) {
                jar.putNextEntry(new JarEntry(entry.getKey()));
                Files.copy(entry.getValue(), jar);
                jar.closeEntry();
            }
            if (providers.length > 0) {
                jar.putNextEntry(new JarEntry(SERVICES));
                jar.write(String.join("\n", providers).getBytes(StandardCharsets.UTF_8));
                jar.closeEntry();
            }
        }
        return file;
    }
}
