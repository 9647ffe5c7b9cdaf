package org.mmoe.download

import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream
import java.net.URL
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/**
 * A model that can be had.
 *
 * @property address of its artifact, for [ArtifactAddress.of]; null if nobody is known to publish one: it is then made from
 *     [base] with `mmoe-export convert`.
 * @property base the hub id of the checkpoint that it is made from.
 * @property licence of the checkpoint, by its name.
 * @property gated whether the download needs a token.
 * @property bytes of the whole artifact.
 */
public data class CatalogueEntry(
    public val name: String,
    public val address: String?,
    public val base: String?,
    public val licence: String?,
    public val gated: Boolean = false,
    public val bytes: Long? = null,
)

/**
 * A list of models as JSON: an object with "models", an array of objects with "name" and the other properties of
 * [CatalogueEntry]. An address in it may be relative to the list's own, so that a folder of artifacts can be served with its
 * list anywhere.
 */
public object Catalogue {
    /** Whether [text] is the address of a list, and not of an artifact. */
    public fun isAddress(text: String): Boolean {
        val trimmed = text.trim()
        return trimmed.startsWith("http") && trimmed.endsWith(".json") && !trimmed.endsWith("/$MANIFEST")
    }

    /**
     * @param where the list's own address, for addresses relative to it and for messages.
     * @throws DownloadException.NoArtifact it is no such list.
     */
    public fun read(text: String, where: String): List<CatalogueEntry> {
        fun refuse(why: String): Nothing = throw DownloadException.NoArtifact("$where is no list of models: $why")
        val root = try {
            JsonReader.read(text) as? Map<*, *>
        } catch (error: IllegalArgumentException) {
            refuse("it is no JSON, ${error.message}")
        }
        val models = root?.get("models") as? List<*> ?: refuse("it has no \"models\"")
        return models.map { model ->
            val record = model as? Map<*, *> ?: refuse("a model is no object")
            val name = (record["name"] as? String)?.trim().orEmpty()
            if (name.isEmpty()) refuse("a model has no \"name\"")
            val entry = CatalogueEntry(
                name = name,
                address = (record["address"] as? String)?.let { absolute(it, where) ?: refuse("$name has no address that can be used") },
                base = record["base"] as? String,
                licence = record["licence"] as? String,
                gated = record["gated"] == true,
                bytes = (record["bytes"] as? Long)?.takeIf { it >= 0 },
            )
            if (entry.address == null && entry.base == null) refuse("$name has neither \"address\" nor \"base\"")
            entry
        }
    }

    /**
     * Brings a list from a server.
     *
     * @throws DownloadException
     * @throws IllegalArgumentException [address] is no address.
     */
    public suspend fun fetch(address: String, token: String? = null): List<CatalogueEntry> = withContext(Dispatchers.IO) {
        val trimmed = address.trim()
        val folder = ArtifactAddress.of(trimmed.substringBeforeLast('/'))
        val text = try {
            HttpFiles(folder, token).open(trimmed.substringAfterLast('/'), 0) { answer ->
                val bytes = answer.body.readAtMost(MOST_BYTES + 1)
                if (bytes.size > MOST_BYTES) throw DownloadException.NoArtifact("$trimmed is no list of models: it is too long")
                if (bytes.size < answer.total) throw IOException("it was cut off")
                bytes.decodeToString()
            }
        } catch (error: DownloadException) {
            throw error
        } catch (error: IOException) {
            throw DownloadException.Unreachable("$trimmed could not be read: ${error.message}", error)
        }
        read(text, trimmed)
    }

    private fun InputStream.readAtMost(most: Int): ByteArray {
        val out = ByteArrayOutputStream()
        val buffer = ByteArray(1 shl 14)
        while (out.size() < most) {
            val count = read(buffer, 0, minOf(buffer.size, most - out.size()))
            if (count < 0) break
            out.write(buffer, 0, count)
        }
        return out.toByteArray()
    }

    /** A hub id stays one; null if nothing can be made of it. */
    private fun absolute(address: String, where: String): String? =
        try {
            val whole = if (address.startsWith("./")) URL(URL(where), address).toString() else address
            whole.also { ArtifactAddress.of(it) }
        } catch (_: IllegalArgumentException) {
            null
        } catch (_: IOException) {
            null
        }

    private const val MOST_BYTES = 1 shl 20
}
