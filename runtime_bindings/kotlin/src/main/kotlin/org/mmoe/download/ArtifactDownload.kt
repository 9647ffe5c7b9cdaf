package org.mmoe.download

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.security.MessageDigest
import java.util.Locale
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withContext

/**
 * Brings an artifact from a server into [target]. It appears there when every file has the SHA-256 of the manifest; until
 * then everything is in a folder beside it, and the next [run] goes on from there, be it after a pause, a lost connection
 * or the end of the process.
 *
 * @param token for gated ones.
 * @param freeBytes room on the storage of a folder.
 * @param attempts tries without any progress after which the connection is given up.
 * @param pauseMillis how long to wait before a try.
 */
public class ArtifactDownload(
    private val address: ArtifactAddress,
    private val target: File,
    token: String? = null,
    private val freeBytes: (File) -> Long = File::getUsableSpace,
    private val attempts: Int = 6,
    private val pauseMillis: (attempt: Int) -> Long = { 500L shl it },
) {
    private val http = HttpFiles(address, token)
    private val folder = unfinished(target)

    /**
     * Downloads what is missing. Cancelling the coroutine is a pause.
     *
     * @param progress is told of the bytes that are there and of all; on a thread of the download's.
     * @throws DownloadException
     */
    public suspend fun run(progress: (doneBytes: Long, totalBytes: Long) -> Unit = { _, _ -> }): Unit =
        withContext(Dispatchers.IO) {
            val text = retrying({ 0 }) { http.open(MANIFEST, 0) { manifestText(it) } }
            val files = artifactFiles(text, address.toString())
            prepare(text, files)
            val total = files.sumOf { it.bytes }
            val missing = total - files.sumOf { had(it) }
            val free = freeBytes(folder)
            if (free < missing) {
                throw DownloadException.NoRoom("${target.name} needs ${megabytes(missing)} more, but ${megabytes(free)} are free")
            }
            for (file in files) {
                val others = files.sumOf { if (it == file) 0 else had(it) }
                progress(others + had(file), total)
                fetch(file) { progress(others + it, total) }
            }
            progress(total, total)
            publish()
        }

    /** Deletes what has come of an unfinished one. */
    public fun discard() {
        folder.deleteRecursively()
    }

    private fun final(file: ArtifactFile) = File(folder, file.name)

    private fun part(file: ArtifactFile) = File(folder, file.name + PART)

    private fun had(file: ArtifactFile): Long =
        if (final(file).isFile) file.bytes else minOf(part(file).length(), file.bytes)

    private fun manifestText(answer: HttpAnswer): String {
        val text = ByteArrayOutputStream()
        val buffer = ByteArray(COPY_BYTES)
        while (true) {
            val count = answer.body.read(buffer)
            if (count < 0) break
            text.write(buffer, 0, count)
            if (text.size() > MOST_MANIFEST_BYTES) {
                throw DownloadException.NoArtifact("$address is no artifact: its $MANIFEST is too long")
            }
        }
        if (text.size() < answer.total) throw IOException("$MANIFEST was cut off")
        return text.toByteArray().decodeToString()
    }

    /** Leaves only what belongs to this version of the artifact in the folder. */
    private fun prepare(text: String, files: List<ArtifactFile>) {
        writing {
            if (!folder.isDirectory && !folder.mkdirs()) throw IOException("$folder cannot be made")
            // Killed while publishing, it has its final name already.
            val saved = listOf(SAVED_MANIFEST, MANIFEST).map { File(folder, it) }.firstOrNull { it.isFile }?.readText()
            val before = if (saved == null) emptySet() else artifactFiles(saved, folder.path).toSet()
            val kept = files.filter { it in before }.flatMap { listOf(it.name, it.name + PART) }.toSet() + SOURCE
            folder.listFiles().orEmpty().filter { it.name !in kept }.forEach { it.deleteRecursively() }
            File(folder, SAVED_MANIFEST).writeText(text)
            File(folder, SOURCE).writeText(address.toString())
        }
    }

    private suspend fun fetch(file: ArtifactFile, progress: (Long) -> Unit) {
        if (final(file).isFile) return
        val part = part(file)
        var again = true
        while (true) {
            var inOnePiece = false
            retrying({ part.length() }) {
                if (part.length() > file.bytes) writing { part.delete() }
                inOnePiece = part.length() == 0L
                if (part.length() < file.bytes || !part.isFile) append(file, part, progress)
            }
            if (sha256(part) == file.sha256) break
            writing { part.delete() }
            // What came in pieces may be of two versions of the file; what came at once is simply another one.
            if (inOnePiece || !again) throw DownloadException.Damaged("${file.name} of $address is not the file that its $MANIFEST names (SHA-256)")
            again = false
        }
        writing { if (!part.renameTo(final(file))) throw IOException("${file.name} cannot be renamed") }
    }

    private suspend fun append(file: ArtifactFile, part: File, progress: (Long) -> Unit) {
        if (file.bytes == 0L) return writing { part.writeBytes(ByteArray(0)) }
        http.open(file.name, part.length()) { answer ->
            if (answer.from != 0L && answer.from != part.length()) {
                // Its file has no byte there, or it gives others than it was asked for: from the start, then.
                answer.keep { writing { part.delete() } }
                throw IOException("the server does not go on where ${file.name} stopped")
            }
            if (answer.total >= 0 && answer.total != file.bytes) {
                answer.keep { writing { part.delete() } }
                throw DownloadException.Damaged("${file.name} of $address has ${answer.total} bytes, its $MANIFEST says ${file.bytes}")
            }
            val output = answer.keep { writing { FileOutputStream(part, answer.from != 0L) } }
            output.use { copy(answer, it, file, part.length(), progress) }
            if (part.length() < file.bytes) throw IOException("the connection ended within ${file.name}")
        }
    }

    private fun copy(answer: HttpAnswer, output: FileOutputStream, file: ArtifactFile, from: Long, progress: (Long) -> Unit) {
        val buffer = ByteArray(COPY_BYTES)
        var done = from
        while (true) {
            val count = answer.body.read(buffer)
            if (count < 0) break
            done += count
            if (done > file.bytes) throw DownloadException.Damaged("${file.name} of $address is longer than its $MANIFEST says")
            answer.keep {
                writing { output.write(buffer, 0, count) }
                progress(done)
            }
        }
        // It is renamed next; a whole name must stand for whole bytes when the power fails.
        answer.keep { writing { output.fd.sync() } }
    }

    private fun publish() = writing {
        File(folder, SAVED_MANIFEST).renameTo(File(folder, MANIFEST))
        File(folder, SOURCE).delete()
        target.deleteRecursively()
        if (!folder.renameTo(target)) throw IOException("${target.name} cannot be put in its place")
    }

    /** Tries [block] again while connections fail; [progress] tells whether the last try brought anything. */
    private suspend fun <T> retrying(progress: () -> Long, block: suspend () -> T): T {
        var failures = 0
        while (true) {
            val before = progress()
            try {
                return block()
            } catch (error: DownloadException) {
                throw error
            } catch (error: IOException) {
                // A pause closes the connection under the reader.
                currentCoroutineContext().ensureActive()
                failures = if (progress() > before) 1 else failures + 1
                if (failures >= attempts) throw DownloadException.Unreachable("The download from ${address.folder.host} stopped: ${error.message}", error)
                delay(pauseMillis(failures))
            }
        }
    }

    private inline fun <T> writing(block: () -> T): T =
        try {
            block()
        } catch (error: DownloadException) {
            throw error
        } catch (error: IOException) {
            throw DownloadException.NoRoom("${target.name} cannot be written: ${error.message}", error)
        }

    private suspend fun sha256(file: File): String {
        val digest = MessageDigest.getInstance("SHA-256")
        val buffer = ByteArray(COPY_BYTES)
        file.inputStream().use { input ->
            while (true) {
                currentCoroutineContext().ensureActive()
                val count = input.read(buffer)
                if (count < 0) break
                digest.update(buffer, 0, count)
            }
        }
        return digest.digest().joinToString("") { "%02x".format(it) }
    }

    public companion object {
        private const val MOST_MANIFEST_BYTES = 32 shl 20
        private const val COPY_BYTES = 1 shl 18
        private const val PART = ".part"
        private const val SAVED_MANIFEST = "mmoe.json.next"
        private const val SOURCE = ".source"
        private const val UNFINISHED = ".download"

        /** Where a download into [target] keeps what has come of it. */
        public fun unfinished(target: File): File = File(target.parentFile, target.name + UNFINISHED)

        /** The downloads in a folder that have not ended: what they will be called, and where they come from. */
        public fun unfinishedIn(parent: File): Map<String, String> =
            parent.listFiles().orEmpty()
                .filter { it.name.endsWith(UNFINISHED) && File(it, SOURCE).isFile }
                .associate { it.name.removeSuffix(UNFINISHED) to File(it, SOURCE).readText() }

        private fun megabytes(bytes: Long) = "%.0f MB".format(Locale.ROOT, bytes / 1e6)
    }
}
