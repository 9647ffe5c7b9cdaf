// Prints what the classes of jars use of the platform (android, java, javax), one member a line: the class that is named or
// inherited from, a tab, and method(parameters)result or field:type. Where several are inherited from, they stand with a bar
// between them.
//
//   java -cp kotlin-compiler.jar FrameworkMembers.java JAR...

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.jetbrains.org.objectweb.asm.ClassReader;
import org.jetbrains.org.objectweb.asm.ClassVisitor;
import org.jetbrains.org.objectweb.asm.FieldVisitor;
import org.jetbrains.org.objectweb.asm.MethodVisitor;
import org.jetbrains.org.objectweb.asm.Opcodes;

class FrameworkMembers {
    private final Map<String, List<String>> parents = new HashMap<>();
    private final Map<String, Set<String>> declared = new HashMap<>();
    private final Set<String> used = new TreeSet<>();

    public static void main(String[] arguments) throws Exception {
        FrameworkMembers members = new FrameworkMembers();
        // Twice: who inherits from whom, then who uses what.
        for (boolean collect : new boolean[] {false, true}) {
            for (String path : arguments) {
                try (ZipFile jar = new ZipFile(path)) {
                    for (ZipEntry entry : (Iterable<ZipEntry>) jar.stream().map(ZipEntry.class::cast)::iterator) {
                        if (!entry.getName().endsWith(".class")) continue;
                        ClassReader reader = new ClassReader(jar.getInputStream(entry).readAllBytes());
                        reader.accept(collect ? members.uses() : members.declarations(), 0);
                    }
                }
            }
        }
        members.used.forEach(System.out::println);
    }

    ClassVisitor declarations() {
        return new ClassVisitor(Opcodes.ASM9) {
            private Set<String> own;

            @Override
            public void visit(int version, int access, String name, String signature, String parent, String[] interfaces) {
                List<String> all = new ArrayList<>(List.of(interfaces));
                if (parent != null) all.add(parent);
                parents.put(name, all);
                own = declared.computeIfAbsent(name, key -> new HashSet<>());
            }

            @Override
            public MethodVisitor visitMethod(int access, String name, String descriptor, String signature, String[] thrown) {
                own.add(name + descriptor);
                return null;
            }

            @Override
            public FieldVisitor visitField(int access, String name, String descriptor, String signature, Object value) {
                own.add(name + ":" + descriptor);
                return null;
            }
        };
    }

    ClassVisitor uses() {
        return new ClassVisitor(Opcodes.ASM9) {
            @Override
            public void visit(int version, int access, String name, String signature, String parent, String[] interfaces) {
                type(parent);
                for (String each : interfaces) type(each);
            }

            @Override
            public MethodVisitor visitMethod(int access, String name, String descriptor, String signature, String[] thrown) {
                return new MethodVisitor(Opcodes.ASM9) {
                    @Override
                    public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
                        member(owner, name + descriptor);
                    }

                    @Override
                    public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
                        member(owner, name + ":" + descriptor);
                    }

                    @Override
                    public void visitTypeInsn(int opcode, String name) {
                        type(name);
                    }
                };
            }
        };
    }

    private static boolean isPlatforms(String name) {
        return name.startsWith("android/") || name.startsWith("java/") || name.startsWith("javax/");
    }

    private void type(String name) {
        if (isPlatforms(name)) used.add(name + "\t");
    }

    private void member(String owner, String member) {
        Set<String> found = new TreeSet<>();
        heirs(owner, member, found);
        if (!found.isEmpty()) used.add(String.join("|", found) + "\t" + member);
    }

    /** The platform's classes that an owner of ours may have a member from that it does not declare. */
    private void heirs(String owner, String member, Set<String> found) {
        if (isPlatforms(owner)) found.add(owner);
        if (!parents.containsKey(owner) || declared.get(owner).contains(member)) return;
        for (String parent : parents.get(owner)) heirs(parent, member, found);
    }
}
