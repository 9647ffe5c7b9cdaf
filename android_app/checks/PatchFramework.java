// Adds to an older android.jar what newer API levels have, so that the app is compiled against the real framework and not
// against stubs that somebody wrote for it.
//
//   java -cp kotlin-compiler.jar PatchFramework.java android.jar newer_members.txt patched.jar
//
// Each line of the text is an API level, a declaration in the words of the class file, and maybe its generic signature:
//
//   26 class android/app/NotificationChannel java/lang/Object
//   26 method public android/app/NotificationChannel.<init>(Ljava/lang/String;)V
//   31 field public,static,final android/os/Build.SOC_MODEL:Ljava/lang/String;
//   31 field public,static,final android/os/Build$VERSION_CODES.S:I=31

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.jetbrains.org.objectweb.asm.ClassReader;
import org.jetbrains.org.objectweb.asm.ClassVisitor;
import org.jetbrains.org.objectweb.asm.ClassWriter;
import org.jetbrains.org.objectweb.asm.FieldVisitor;
import org.jetbrains.org.objectweb.asm.MethodVisitor;
import org.jetbrains.org.objectweb.asm.Opcodes;

class PatchFramework {
    record Member(int access, String name, String descriptor, Integer value, String signature) {
        boolean isField() {
            return !descriptor.startsWith("(");
        }
    }

    record Owner(String parent, List<Member> members) {}

    public static void main(String[] arguments) throws Exception {
        Map<String, Owner> newer = read(Path.of(arguments[1]));
        try (ZipFile jar = new ZipFile(arguments[0]);
                ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(Path.of(arguments[2])))) {
            for (ZipEntry entry : (Iterable<ZipEntry>) jar.stream().map(ZipEntry.class::cast)::iterator) {
                String name = entry.getName();
                if (!name.endsWith(".class")) continue;
                try (InputStream in = jar.getInputStream(entry)) {
                    byte[] bytes = in.readAllBytes();
                    Owner owner = newer.remove(name.substring(0, name.length() - ".class".length()));
                    write(out, name, owner == null ? bytes : patched(bytes, owner.members));
                }
            }
            for (Map.Entry<String, Owner> entry : newer.entrySet()) {
                Owner owner = entry.getValue();
                if (owner.parent == null) throw new IllegalArgumentException("no class " + entry.getKey());
                write(out, entry.getKey() + ".class", made(entry.getKey(), owner));
            }
        }
    }

    static Map<String, Owner> read(Path path) throws Exception {
        Map<String, Owner> owners = new LinkedHashMap<>();
        for (String line : Files.readAllLines(path)) {
            if (line.isBlank() || line.startsWith("#")) continue;
            String[] words = line.trim().split("\\s+");
            if (words[1].equals("class")) {
                owners.put(words[2], new Owner(words[3], new ArrayList<>()));
                continue;
            }
            int dot = words[3].indexOf('.');
            String rest = words[3].substring(dot + 1);
            int end = words[1].equals("field") ? rest.indexOf(':') : rest.indexOf('(');
            String[] descriptor = rest.substring(words[1].equals("field") ? end + 1 : end).split("=");
            owners.computeIfAbsent(words[3].substring(0, dot), key -> new Owner(null, new ArrayList<>()))
                    .members
                    .add(new Member(
                            access(words[2]),
                            rest.substring(0, end),
                            descriptor[0],
                            descriptor.length > 1 ? Integer.valueOf(descriptor[1]) : null,
                            words.length > 4 ? words[4] : null));
        }
        return owners;
    }

    static int access(String words) throws Exception {
        int access = 0;
        for (String word : words.split(",")) {
            access |= Opcodes.class.getField("ACC_" + word.toUpperCase()).getInt(null);
        }
        return access;
    }

    static byte[] patched(byte[] bytes, List<Member> members) {
        Set<String> replaced = new HashSet<>();
        for (Member member : members) replaced.add(member.name + member.descriptor);
        ClassWriter writer = new ClassWriter(0);
        new ClassReader(bytes).accept(new ClassVisitor(Opcodes.ASM9, writer) {
            @Override
            public MethodVisitor visitMethod(int access, String name, String descriptor, String signature, String[] thrown) {
                boolean kept = !replaced.contains(name + descriptor);
                return kept ? super.visitMethod(access, name, descriptor, signature, thrown) : null;
            }

            @Override
            public FieldVisitor visitField(int access, String name, String descriptor, String signature, Object value) {
                boolean kept = !replaced.contains(name + descriptor);
                return kept ? super.visitField(access, name, descriptor, signature, value) : null;
            }
        }, 0);
        add(writer, members);
        return writer.toByteArray();
    }

    static byte[] made(String name, Owner owner) {
        ClassWriter writer = new ClassWriter(0);
        writer.visit(Opcodes.V1_8, Opcodes.ACC_PUBLIC | Opcodes.ACC_SUPER, name, null, owner.parent, null);
        add(writer, owner.members);
        return writer.toByteArray();
    }

    static void add(ClassWriter writer, List<Member> members) {
        for (Member member : members) {
            if (member.isField()) {
                writer.visitField(member.access, member.name, member.descriptor, member.signature, member.value).visitEnd();
                continue;
            }
            MethodVisitor method =
                    writer.visitMethod(member.access, member.name, member.descriptor, member.signature, null);
            if ((member.access & Opcodes.ACC_ABSTRACT) == 0) {
                // Nothing runs here: the phone has the real one.
                method.visitCode();
                method.visitInsn(Opcodes.ACONST_NULL);
                method.visitInsn(Opcodes.ATHROW);
                method.visitMaxs(1, 16);
            }
            method.visitEnd();
        }
    }

    static void write(OutputStream out, String name, byte[] bytes) throws Exception {
        ZipOutputStream zip = (ZipOutputStream) out;
        zip.putNextEntry(new ZipEntry(name));
        zip.write(bytes);
        zip.closeEntry();
    }
}
