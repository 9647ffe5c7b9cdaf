package org.mmoe.download

import java.io.ByteArrayInputStream
import java.io.IOException
import java.io.InputStream
import java.net.HttpURLConnection
import java.net.URL
import java.util.concurrent.CancellationException
import kotlin.concurrent.thread
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async

/**
 * An answer to a request for a file from some byte on.
 *
 * @property from where its bytes begin; null if the server has none there.
 * @property total bytes of the whole file, -1 if the server does not say.
 */
internal class HttpAnswer(val from: Long?, val total: Long, val body: InputStream, private val request: Request) {
    /** Runs [change], what is to stay of the answer, unless nobody waits for it any longer. */
    fun <T> keep(change: () -> T): T = request.keep(change)
}

/** Whether somebody waits for an answer. */
internal class Request {
    private var abandoned = false
    private var connection: HttpURLConnection? = null

    @Synchronized
    fun <T> keep(change: () -> T): T = if (abandoned) throw CancellationException("nobody waits") else change()

    fun runsOn(used: HttpURLConnection) = keep { connection = used }

    fun abandon() {
        val left = synchronized(this) {
            abandoned = true
            connection
        }
        // On a JVM this waits for the read that it should end, for as long as the time limit of that.
        if (left != null) thread(isDaemon = true, name = "mmoe-disconnect") { left.disconnect() }
    }
}

/** The files of [address]; [token] is shown to its host alone, not to those that it redirects to. */
internal class HttpFiles(private val address: ArtifactAddress, private val token: String?) {
    /**
     * Hands the answer to [read], which blocks. Cancelling the coroutine does not wait for a connection that says nothing:
     * what still arrives then is not kept.
     */
    suspend fun <T> open(name: String, from: Long, read: (HttpAnswer) -> T): T {
        val request = Request()
        val reading = CoroutineScope(Dispatchers.IO).async { read(answer(connect(address.file(name), from, request), name, from, request)) }
        try {
            return reading.await()
        } finally {
            if (!reading.isCompleted) request.abandon()
        }
    }

    private fun connect(first: URL, from: Long, request: Request): HttpURLConnection {
        var url = first
        repeat(MOST_REDIRECTS) {
            val connection = url.openConnection() as HttpURLConnection
            request.runsOn(connection)
            connection.instanceFollowRedirects = false
            connection.connectTimeout = TIMEOUT_MILLIS
            connection.readTimeout = TIMEOUT_MILLIS
            // Android would ask for gzip by itself, and a range is one of the packed bytes then.
            connection.setRequestProperty("Accept-Encoding", "identity")
            if (from > 0) connection.setRequestProperty("Range", "bytes=$from-")
            val own = url.host == first.host && url.port == first.port && url.protocol == first.protocol
            if (token != null && own) connection.setRequestProperty("Authorization", "Bearer $token")
            if (connection.responseCode !in REDIRECTS) return connection
            val next = URL(url, connection.getHeaderField("Location") ?: throw IOException("a redirect to nowhere"))
            connection.disconnect()
            if (next.protocol != "https" && next.protocol != first.protocol) {
                throw DownloadException.Refused("${first.host} redirects to ${next.protocol}, which is not safe")
            }
            url = next
        }
        throw IOException("too many redirects")
    }

    private fun answer(connection: HttpURLConnection, name: String, from: Long, request: Request): HttpAnswer =
        when (val status = connection.responseCode) {
            200 -> HttpAnswer(0, connection.contentLengthLong, connection.inputStream, request)
            206 -> {
                val (first, total) =
                    RANGE.matchEntire(connection.getHeaderField("Content-Range").orEmpty())?.destructured
                        ?: throw IOException("${connection.url.host} does not say which bytes it sends")
                HttpAnswer(first.toLong(), total.toLongOrNull() ?: -1, connection.inputStream, request)
            }
            416 -> HttpAnswer(null, -1, ByteArrayInputStream(ByteArray(0)), request)
            401, 403 -> throw DownloadException.Refused(
                "${connection.url.host} refuses $name ($status): " +
                    if (token == null) "it needs a token" else "the token has no access",
            )
            404, 410 -> throw DownloadException.NotFound("$address has no $name")
            else -> throw IOException("${connection.url.host} answers $status for $name from byte $from")
        }

    private companion object {
        const val MOST_REDIRECTS = 10
        const val TIMEOUT_MILLIS = 20_000
        val REDIRECTS = setOf(301, 302, 303, 307, 308)
        val RANGE = Regex("""bytes (\d+)-\d+/(\d+|\*)""")
    }
}
