package org.mmoe.download

import java.net.URI
import java.net.URISyntaxException
import java.net.URL

/**
 * Where an artifact's files are: a folder of any static server, or of the Hugging Face hub.
 *
 * @property folder ends with a slash.
 * @property name what the artifact is called without one that its user gives it.
 */
public class ArtifactAddress private constructor(public val folder: URL, public val name: String) {
    /** The file's own address. */
    internal fun file(name: String): URL = URL(folder, URI(null, null, "./$name", null).rawPath)

    override fun toString(): String = folder.toString()

    public companion object {
        private val HUB_ID = Regex("""([\w.-]+)/([\w.-]+)(?:@([\w./-]+))?""")
        private val HUB_PAGE = Regex("""https://huggingface\.co/([\w.-]+)/([\w.-]+)(?:/tree/([\w./-]+?))?/?""")

        /**
         * @param text the URL of a folder, a hub id, `owner/name` or `owner/name@revision`, or the address of its page.
         * @throws IllegalArgumentException it is none of them.
         */
        public fun of(text: String): ArtifactAddress {
            val trimmed = text.trim()
            val hub = HUB_ID.matchEntire(trimmed) ?: HUB_PAGE.matchEntire(trimmed)
            if (hub != null) {
                val (owner, name, revision) = hub.destructured
                val branch = revision.ifEmpty { "main" }
                return ArtifactAddress(URL("https://huggingface.co/$owner/$name/resolve/$branch/"), name)
            }
            val uri = try {
                URI(trimmed)
            } catch (error: URISyntaxException) {
                throw IllegalArgumentException("\"$trimmed\" is no address: ${error.reason}", error)
            }
            require(uri.scheme in setOf("http", "https") && !uri.host.isNullOrEmpty() && uri.query == null) {
                "\"$trimmed\" is neither the http(s) address of a folder nor a hub id such as owner/name"
            }
            val path = uri.rawPath.orEmpty().removeSuffix("/mmoe.json").trimEnd('/')
            val name = URI(path.ifEmpty { "/" }).path.trimEnd('/').substringAfterLast('/').trimStart('.')
            return ArtifactAddress(URL(uri.scheme, uri.host, uri.port, "$path/"), name.ifEmpty { uri.host })
        }
    }
}
