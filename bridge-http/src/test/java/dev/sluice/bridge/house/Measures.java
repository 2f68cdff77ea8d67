package dev.sluice.bridge.house;

import dev.sluice.bridge.house.SourceTree.Method;
import dev.sluice.bridge.house.SourceTree.SourceFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.ToIntFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Prints figures of the source code: packages, methods, files, comments and statement blocks.
 *
 * <pre>{@code
 * java -cp CLASSPATH dev.sluice.bridge.house.Measures FOLDER
 * }</pre>
 *
 * The argument is the folder of the project, also of another state of it.
 */
final class Measures {
    static final int COLUMNS = 120;

    private static final Pattern COMMENT = Pattern.compile("^\\s*(/?\\*|//).*");
    private static final String TEXT_BLOCK = "\"\"\"";
    private static final Pattern STATEMENT_BLOCK =
            Pattern.compile("while \\(\\w+\\.next\\(\\)\\)|try \\(var statement\\b.*");
    private static final Pattern IMPORT =
            Pattern.compile("^import (?:static )?(dev\\.sluice(?:\\.[a-z0-9]+)*)\\.([A-Z]\\w*).*");

    private Measures() {}

    /** Prints the figures of the project in the folder that the first argument names. */
    public static void main(String[] arguments) throws IOException {
        List<SourceFile> files = SourceTree.read(Path.of(arguments[0]));
        List<SourceFile> main = files.stream().filter(SourceFile::isMain).toList();
        System.out.println("| Package | Files | Public types | Packages it uses |\n|---|---|---|---|");
        for (var each : byPackage(main).entrySet()) {
            System.out.println("| " + each.getKey() + " | " + each.getValue().size() + " | "
                    + publicTypes(each.getValue()) + " | " + String.join(", ", uses(each.getKey(), each.getValue()))
                    + " |");
        }
        System.out.println();
        System.out.println(
                "Lines of main code: " + sum(main, file -> file.lines().size()));
        System.out.println("Packages: " + byPackage(main).size());
        System.out.println("Arrows between packages: "
                + byPackage(main).entrySet().stream()
                        .mapToInt(each -> uses(each.getKey(), each.getValue()).size())
                        .sum());
        System.out.println("Public types: " + publicTypes(main));
        System.out.println("Public types that no other package uses: " + publicAndUnused(files));
        int[] lengths = main.stream()
                .flatMap(file -> file.methods().stream())
                .mapToInt(Method::lines)
                .sorted()
                .toArray();
        System.out.println("Methods: " + lengths.length + ", median " + lengths[lengths.length / 2] + " lines, p90 "
                + lengths[lengths.length * 9 / 10] + ", longest " + lengths[lengths.length - 1]);
        SourceFile longest = main.stream()
                .max(Comparator.comparingInt(file -> file.lines().size()))
                .orElseThrow();
        System.out.println("Longest file: " + longest.lines().size() + " lines, "
                + longest.path().getFileName());
        System.out.println(
                "Main files over 500 lines: " + sum(main, file -> file.lines().size() > 500 ? 1 : 0));
        System.out.println("Comment lines over " + COLUMNS + " columns: " + sum(files, Measures::wideComments));
        System.out.println("Statement blocks written by hand: " + sum(main, Measures::statementBlocks));
        System.out.println("Constructors with more than six parameters, records aside: "
                + main.stream()
                        .flatMap(file -> file.methods().stream())
                        .filter(method -> method.isConstructor() && !method.isOfRecord() && method.parameters() > 6)
                        .count());
    }

    private static int sum(List<SourceFile> files, ToIntFunction<SourceFile> figure) {
        return files.stream().mapToInt(figure).sum();
    }

    /** Returns how many comment lines are too wide. A text block is no comment, even if its lines look like one. */
    static int wideComments(SourceFile file) {
        int wide = 0;
        boolean isText = false;
        for (String line : file.lines()) {
            if (!isText && line.length() > COLUMNS && COMMENT.matcher(line).matches()) {
                wide++;
            }
            isText ^= line.split(TEXT_BLOCK, -1).length % 2 == 0;
        }
        return wide;
    }

    private static int statementBlocks(SourceFile file) {
        return (int) file.lines().stream()
                .filter(line -> STATEMENT_BLOCK.matcher(line).find())
                .count();
    }

    /** Returns the files of each package, without the essays. */
    static Map<String, List<SourceFile>> byPackage(List<SourceFile> files) {
        return files.stream()
                .filter(file -> !file.isPackageInfo())
                .collect(Collectors.groupingBy(SourceFile::packageName, TreeMap::new, Collectors.toList()));
    }

    private static long publicTypes(List<SourceFile> files) {
        return files.stream()
                .flatMap(file -> file.types().stream())
                .filter(SourceTree.Type::isPublic)
                .count();
    }

    private static TreeSet<String> uses(String own, List<SourceFile> files) {
        var used = new TreeSet<String>();
        for (SourceFile file : files) {
            for (String line : file.lines()) {
                var match = IMPORT.matcher(line);
                if (match.matches() && !match.group(1).equals(own)) {
                    used.add(match.group(1).replace("dev.sluice.", ""));
                }
            }
        }
        return used;
    }

    /** Returns public types of product code that neither product code nor tests of another package import. */
    static TreeSet<String> publicAndUnused(List<SourceFile> files) {
        var imported = new TreeSet<String>();
        for (SourceFile file : files) {
            for (String line : file.lines()) {
                var match = IMPORT.matcher(line);
                if (match.matches()) {
                    imported.add(match.group(1) + "." + match.group(2));
                }
            }
        }
        var unused = new TreeSet<String>();
        for (SourceFile file : files) {
            for (SourceTree.Type type : file.types()) {
                String name = file.packageName() + "." + type.name();
                if (file.isMain() && type.isPublic() && !imported.contains(name)) {
                    unused.add(name);
                }
            }
        }
        return unused;
    }
}
