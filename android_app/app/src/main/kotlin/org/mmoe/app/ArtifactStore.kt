package org.mmoe.app

import java.io.File
import java.io.InputStream
import org.mmoe.download.ArtifactDownload

/** Where an artifact comes from: a folder that the user picked, or a plain one. */
interface ArtifactSource {
    val name: String

    fun files(): List<SourceFile>
}

class SourceFile(val name: String, val bytes: Long, val open: () -> InputStream)

/** Thrown with a sentence for the user. */
class ImportException(message: String) : Exception(message)

/** The artifacts in the app's own storage, where they can be mapped: one folder each. */
class ArtifactStore(private val root: File) {
    init {
        // What a process left that was killed while it copied.
        root.listFiles().orEmpty().filter { it.name.endsWith(PARTIAL) }.forEach { it.deleteRecursively() }
    }

    fun names(): List<String> =
        root.listFiles().orEmpty()
            .filter { File(it, MANIFEST).isFile && !it.name.endsWith(PARTIAL) }
            .map { it.name }
            .minus(unfinishedDownloads().keys.map { ArtifactDownload.unfinished(folder(it)).name }.toSet())
            .sorted()

    /** The downloads that have not ended, and their addresses. */
    fun unfinishedDownloads(): Map<String, String> = ArtifactDownload.unfinishedIn(root)

    fun discardDownload(name: String) {
        ArtifactDownload.unfinished(folder(name)).deleteRecursively()
    }

    fun folder(name: String): File = File(root, name)

    fun delete(name: String) {
        folder(name).deleteRecursively()
    }

    /**
     * Copies an artifact under its own name and returns that. It appears when it is whole: until then, and if the copy
     * fails or [progress] throws, nothing of it can be opened.
     */
    fun import(source: ArtifactSource, progress: (doneBytes: Long, totalBytes: Long) -> Unit): String {
        val files = source.files()
        if (files.none { it.name == MANIFEST }) {
            throw ImportException(
                "${source.name} is no artifact: it has no $MANIFEST. Pick the folder that `mmoe-export convert` wrote.",
            )
        }
        (files.map { it.name } + source.name).firstOrNull { '/' in it || it.startsWith(".") || it.isEmpty() }?.let {
            throw ImportException("\"$it\" cannot be the name of a file of an artifact.")
        }
        val total = files.sumOf { it.bytes }
        root.mkdirs()
        if (root.usableSpace < total) {
            val free = megabytes(root.usableSpace)
            throw ImportException("${source.name} needs ${megabytes(total)}, but only $free are free.")
        }
        val partial = File(root, source.name + PARTIAL)
        partial.deleteRecursively()
        partial.mkdirs()
        try {
            copy(files, partial, total, progress)
            delete(source.name)
            if (!partial.renameTo(folder(source.name))) {
                throw ImportException("${source.name} cannot be put in its place.")
            }
        } finally {
            partial.deleteRecursively()
        }
        return source.name
    }

    private fun copy(files: List<SourceFile>, target: File, total: Long, progress: (Long, Long) -> Unit) {
        val buffer = ByteArray(COPY_BYTES)
        var done = 0L
        for (file in files) {
            file.open().use { input ->
                File(target, file.name).outputStream().use { output ->
                    while (true) {
                        progress(done, total)
                        val count = input.read(buffer)
                        if (count < 0) break
                        output.write(buffer, 0, count)
                        done += count
                    }
                }
            }
        }
    }

    private companion object {
        const val MANIFEST = "mmoe.json"
        const val PARTIAL = ".partial"
        const val COPY_BYTES = 1 shl 20
    }
}
