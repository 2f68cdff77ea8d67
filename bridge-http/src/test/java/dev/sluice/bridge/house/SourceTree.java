package dev.sluice.bridge.house;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.LineMap;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.SourcePositions;
import com.sun.source.util.TreeScanner;
import com.sun.source.util.Trees;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/** The Java source files of all modules. The files are parsed and not compiled, so a class path is not needed. */
final class SourceTree {
    private static final List<String> MODULES = List.of("buffer", "connector", "bridge-http", "bridge-http/work");

    private SourceTree() {}

    /**
     * A source file.
     *
     * @param path of the file
     * @param isMain whether it is product code; else it is test code
     * @param packageName name of its package
     * @param lines its text
     * @param types its top-level types
     * @param methods all methods and constructors with a body
     */
    record SourceFile(
            Path path, boolean isMain, String packageName, List<String> lines, List<Type> types, List<Method> methods) {
        boolean isPackageInfo() {
            return path.endsWith("package-info.java");
        }
    }

    /**
     * A top-level type.
     *
     * @param name simple name
     * @param isPublic whether other packages may use it
     */
    record Type(String name, boolean isPublic) {}

    /**
     * A method or constructor.
     *
     * @param type simple name of the type that declares it
     * @param name its name; {@code <init>} for a constructor
     * @param lines from the line of its first token to the line of its last
     * @param parameters how many it has
     * @param isOfRecord whether a record declares it
     */
    record Method(String type, String name, int lines, int parameters, boolean isOfRecord) {
        boolean isConstructor() {
            return name.equals("<init>");
        }
    }

    /** Reads all source files of the project in a folder. */
    static List<SourceFile> read(Path root) throws IOException {
        var files = new ArrayList<SourceFile>();
        for (String module : MODULES) {
            files.addAll(read(root.resolve(module).resolve("src/main/java"), true));
            files.addAll(read(root.resolve(module).resolve("src/test/java"), false));
        }
        return files;
    }

    private static List<SourceFile> read(Path folder, boolean isMain) throws IOException {
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(folder)) {
            paths = walk.filter(path -> path.toString().endsWith(".java"))
                    .sorted()
                    .toList();
        }
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            var task = (JavacTask) compiler.getTask(
                    null, manager, null, List.of("-proc:none"), null, manager.getJavaFileObjectsFromPaths(paths));
            SourcePositions positions = Trees.instance(task).getSourcePositions();
            var files = new ArrayList<SourceFile>();
            for (CompilationUnitTree unit : task.parse()) {
                files.add(file(unit, positions, isMain));
            }
            return files;
        }
    }

    private static SourceFile file(CompilationUnitTree unit, SourcePositions positions, boolean isMain) {
        var methods = new ArrayList<Method>();
        new MethodScanner(unit, positions, methods).scan(unit, null);
        var types = new ArrayList<Type>();
        for (Tree declaration : unit.getTypeDecls()) {
            if (declaration instanceof ClassTree type) {
                boolean isPublic = type.getModifiers().getFlags().contains(Modifier.PUBLIC);
                types.add(new Type(type.getSimpleName().toString(), isPublic));
            }
        }
        Path path = Path.of(unit.getSourceFile().toUri());
        try {
            return new SourceFile(
                    path, isMain, String.valueOf(unit.getPackageName()), Files.readAllLines(path), types, methods);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Collects methods and constructors that are written by hand. */
    private static final class MethodScanner extends TreeScanner<@Nullable Void, @Nullable Void> {
        private final CompilationUnitTree unit;
        private final SourcePositions positions;
        private final List<Method> methods;
        private @Nullable ClassTree owner;

        MethodScanner(CompilationUnitTree unit, SourcePositions positions, List<Method> methods) {
            this.unit = unit;
            this.positions = positions;
            this.methods = methods;
        }

        @Override
        public @Nullable Void visitClass(ClassTree type, @Nullable Void nothing) {
            ClassTree outer = owner;
            owner = type;
            super.visitClass(type, null);
            owner = outer;
            return null;
        }

        @Override
        public @Nullable Void visitMethod(MethodTree method, @Nullable Void nothing) {
            long end = positions.getEndPosition(unit, method);
            ClassTree type = owner;
            if (method.getBody() != null && end >= 0 && type != null) {
                LineMap map = unit.getLineMap();
                long lines = map.getLineNumber(end) - map.getLineNumber(positions.getStartPosition(unit, method)) + 1;
                methods.add(new Method(
                        type.getSimpleName().toString(),
                        method.getName().toString(),
                        (int) lines,
                        method.getParameters().size(),
                        type.getKind() == Tree.Kind.RECORD));
            }
            return super.visitMethod(method, null);
        }
    }
}
