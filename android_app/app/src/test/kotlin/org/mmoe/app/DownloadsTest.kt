package org.mmoe.app

import com.sun.net.httpserver.HttpServer
import java.io.File
import java.net.InetAddress
import java.net.InetSocketAddress
import java.security.MessageDigest
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.mmoe.download.Catalogue

/** What the screen of downloads shows, with a server whose file stops halfway until the test lets it go on. */
class DownloadsTest {
    private val root: File = createTempDirectory("downloads").toFile()
    private val program = ByteArray(400_000) { (it * 31).toByte() }
    private val halfway = CountDownLatch(1)
    private val arrived = mutableListOf<String>()
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
    private val address = "http://127.0.0.1:${server.address.port}/S"

    @BeforeTest
    fun serve() {
        val sha256 = MessageDigest.getInstance("SHA-256").digest(program).joinToString("") { "%02x".format(it) }
        val manifest = """{"files": {"model.pte": {"bytes": ${program.size}, "sha256": "$sha256"}}}""".encodeToByteArray()
        server.createContext("/S/mmoe.json") { call ->
            call.sendResponseHeaders(200, manifest.size.toLong())
            call.responseBody.write(manifest)
            call.close()
        }
        server.createContext("/S/model.pte") { call ->
            val from = call.requestHeaders.getFirst("Range")?.removePrefix("bytes=")?.removeSuffix("-")?.toInt() ?: 0
            if (from > 0) call.responseHeaders.add("Content-Range", "bytes $from-${program.size - 1}/${program.size}")
            call.sendResponseHeaders(if (from > 0) 206 else 200, program.size - from.toLong())
            call.responseBody.write(program, from, 200_000 - minOf(from, 200_000))
            call.responseBody.flush()
            halfway.await()
            call.responseBody.write(program, maxOf(from, 200_000), program.size - maxOf(from, 200_000))
            call.close()
        }
        val list = """{"models": [{"name": "S", "address": "./S", "bytes": 400000}, {"name": "Other", "base": "owner/other"}]}"""
        server.createContext("/models.json") { call ->
            call.sendResponseHeaders(200, list.length.toLong())
            call.responseBody.write(list.encodeToByteArray())
            call.close()
        }
        server.executor = Executors.newCachedThreadPool { work -> Thread(work).apply { isDaemon = true } }
        server.start()
    }

    @AfterTest
    fun stop() {
        halfway.countDown()
        server.stop(0)
        root.deleteRecursively()
    }

    private fun withDownloads(test: suspend (Downloads) -> Unit) = runBlocking {
        val scope = CoroutineScope(coroutineContext + SupervisorJob())
        try {
            withTimeout(60_000) { test(Downloads(ArtifactStore(root), scope) { arrived += it }) }
        } finally {
            scope.cancel()
        }
    }

    private suspend fun Downloads.until(condition: (DownloadsState) -> Boolean): DownloadsState = state.first(condition)

    @Test
    fun anArtifactArrives() = withDownloads { downloads ->
        halfway.countDown()
        downloads.add(" $address ", token = "")
        assertEquals("S", downloads.state.value.running?.name)
        downloads.until { it.downloads.isEmpty() }
        assertEquals(listOf("S"), arrived)
        assertEquals(listOf("S"), ArtifactStore(root).names())
    }

    @Test
    fun aPausedOneGoesOnInTheNextProcess() {
        withDownloads { downloads ->
            downloads.add(address, token = "")
            val running = assertNotNull(downloads.until { (it.running?.doneBytes ?: 0) >= 200_000 }.running)
            assertEquals(400_000, running.totalBytes)
            downloads.add("http://127.0.0.1/other", token = "")
            assertEquals("S", downloads.state.value.running?.name, "one at a time")
            downloads.pause()
            val paused = downloads.until { it.running == null }.downloads.first()
            assertEquals(null, paused.problem)
        }
        assertEquals(emptyList(), ArtifactStore(root).names(), "half an artifact cannot be opened")
        halfway.countDown()
        withDownloads { downloads ->
            assertEquals(listOf("S"), downloads.state.value.downloads.map { it.name })
            downloads.resume("S", token = "")
            downloads.until { it.downloads.isEmpty() }
            assertEquals(listOf("S"), arrived)
        }
    }

    @Test
    fun oneThatRunsCanBeDeleted() = withDownloads { downloads ->
        downloads.add(address, token = "")
        downloads.until { (it.running?.doneBytes ?: 0) >= 200_000 }
        downloads.delete("S")
        downloads.until { it.downloads.isEmpty() }
        assertEquals(emptyList(), root.list()!!.toList())
    }

    @Test
    fun aListOfModelsIsReadFromAnAddress() = withDownloads { downloads ->
        halfway.countDown()
        downloads.add(address.replace("/S", "/models.json"), token = "")
        val listed = downloads.until { it.catalogue.isNotEmpty() }
        assertEquals(listOf(address, null), listed.catalogue.map { it.address })
        assertEquals(emptyList(), listed.downloads)
        downloads.add(listed.catalogue.first().address!!, token = "")
        downloads.until { it.downloads.isEmpty() }
        assertEquals(listOf("S"), arrived)
        downloads.add(address.replace("/S", "/none.json"), token = "")
        val failed = downloads.until { it.refusal != null }
        assertTrue("has no none.json" in failed.refusal!!, "$failed")
        assertEquals(listed.catalogue, failed.catalogue, "what was there stays")
    }

    /** The built-in list is read as any other. */
    @Test
    fun theBuiltInCatalogueNamesNothingThatNobodyPublishes() {
        val text = File(System.getProperty("mmoe.assets") ?: "src/main/assets", "catalogue.json").readText()
        val models = Catalogue.read(text, "the built-in catalogue")
        assertTrue(models.isNotEmpty() && models.all { it.address == null && it.base != null && it.licence != null }, "$models")
    }

    @Test
    fun whatWentWrongIsSaid() = withDownloads { downloads ->
        downloads.add("nothing", token = "")
        assertTrue("\"nothing\"" in assertNotNull(downloads.state.value.refusal))
        downloads.add("$address/nowhere", token = "")
        val failed = downloads.until { it.downloads.singleOrNull()?.problem != null }
        assertEquals(null, failed.refusal)
        assertTrue("has no mmoe.json" in failed.downloads.single().problem!!, "$failed")
        assertEquals(null, failed.running)
    }
}
