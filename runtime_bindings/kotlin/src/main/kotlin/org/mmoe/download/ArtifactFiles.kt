package org.mmoe.download

internal const val MANIFEST = "mmoe.json"

/** A file as `mmoe.json` names it. */
internal data class ArtifactFile(val name: String, val bytes: Long, val sha256: String)

/** The files that the manifest [text] lists; [where] is for the message. */
internal fun artifactFiles(text: String, where: String): List<ArtifactFile> {
    fun refuse(why: String): Nothing = throw DownloadException.NoArtifact("$where is no artifact: its $MANIFEST $why")
    val root = try {
        JsonReader.read(text) as? Map<*, *>
    } catch (error: IllegalArgumentException) {
        refuse("is no JSON, ${error.message}")
    }
    val files = root?.get("files") as? Map<*, *> ?: refuse("lists no files")
    return files.map { (key, value) ->
        val name = key as String
        val record = value as? Map<*, *>
        val bytes = record?.get("bytes") as? Long
        val sha256 = record?.get("sha256") as? String
        if (bytes == null || bytes < 0 || sha256 == null || !sha256.matches(Regex("[0-9a-f]{64}"))) {
            refuse("has no size and SHA-256 for $name")
        }
        // They become names of files on this device.
        if (name.startsWith(MANIFEST) || name.isEmpty() || name.startsWith(".") || name.any { it == '/' || it == '\\' || it < ' ' }) {
            refuse("lists a file with the name \"$name\"")
        }
        ArtifactFile(name, bytes, sha256)
    }
}
