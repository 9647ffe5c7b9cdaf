package org.mmoe.download

import java.io.File
import java.net.URL
import java.util.UUID
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.mmoe.Model
import org.mmoe.Reference

/** Downloads from tests/support/artifact_server.py, whose folders behave badly in one way each. */
class ArtifactDownloadTest {
    private val server = File(System.getProperty("mmoe.server")).readText()
    private val run = UUID.randomUUID().toString()
    private val root: File = createTempDirectory("downloads").toFile()
    private val target = File(root, "S")
    private val unfinished = File(root, "S.download")
    private val program = ByteArray(600_000) { (it * 31 % 251).toByte() }

    @AfterTest
    fun remove() {
        root.deleteRecursively()
    }

    private fun download(behaviour: String, token: String? = null, free: Long = Long.MAX_VALUE, target: File = this.target) =
        ArtifactDownload(ArtifactAddress.of("$server/$behaviour/$run"), target, token, { free }, attempts = 3) { 1 }

    private fun requests(behaviour: String, file: String = "model.pte"): Int =
        URL("$server/count/$behaviour/$run/$file").readText().toInt()

    private fun complete(bytes: ByteArray = program) {
        assertEquals(setOf("mmoe.json", "model.pte", "tokenizer.json", "empty.bin"), target.list()!!.toSet())
        assertContentEquals(bytes, File(target, "model.pte").readBytes())
        assertEquals(0, File(target, "empty.bin").length())
        assertFalse(unfinished.exists())
    }

    private inline fun <reified E : DownloadException> fails(behaviour: String, vararg said: String, token: String? = null) {
        val error = assertFailsWith<E> { runBlocking { download(behaviour, token).run() } }
        for (part in said) assertTrue(part in error.message!!, error.message)
        assertFalse(target.exists(), "nothing unfinished may look finished")
    }

    @Test
    fun everyByteArrivesAndProgressIsTold() = runBlocking {
        val told = mutableListOf<Pair<Long, Long>>()
        download("plain").run { done, total -> told += done to total }
        complete()
        assertEquals(told.sortedBy { it.first }, told)
        assertEquals(setOf(600_018L), told.map { it.second }.toSet())
        assertEquals(600_018L, told.last().first)
        assertEquals(1, requests("plain"))
    }

    @Test
    fun aConnectionThatDropsIsGoneOnWith() = runBlocking {
        download("drops").run()
        complete()
        assertEquals(6, requests("drops"), "600,000 bytes in pieces of 100,000")
    }

    @Test
    fun aServerWithoutRangesStartsAgain() = runBlocking {
        download("norange").run()
        complete()
    }

    @Test
    fun aRangeThatIsRefusedStartsAgain() = runBlocking {
        download("none").run()
        complete()
    }

    @Test
    fun aRangeFromElsewhereStartsAgain() = runBlocking {
        download("other").run()
        complete()
    }

    @Test
    fun aFileThatChangesUnderTheDownloadIsFetchedAgain() = runBlocking {
        download("changes").run()
        complete()
        assertEquals(3, requests("changes"), "a piece of the old one, the rest of the new one, and all of the new one")
    }

    @Test
    fun aServerThatIsBusyIsAskedAgain() = runBlocking {
        download("busy").run()
        complete()
    }

    @Test
    fun aServerThatGivesNothingIsGivenUp() {
        fails<DownloadException.Unreachable>("dead", "localhost")
        assertEquals(3, requests("dead"))
    }

    @Test
    fun nobodyAtTheAddress() {
        val nobody = ArtifactDownload(ArtifactAddress.of("http://127.0.0.1:1/S"), target, attempts = 2, pauseMillis = { 1 })
        assertFailsWith<DownloadException.Unreachable> { runBlocking { nobody.run() } }
    }

    @Test
    fun lengthsThatLie() {
        fails<DownloadException.Damaged>("short", "599990 bytes", "600000")
        fails<DownloadException.Damaged>("long", "longer")
    }

    @Test
    fun aWrongFileIsRefusedAtOnce() {
        fails<DownloadException.Damaged>("wrong", "model.pte", "SHA-256")
        assertEquals(1, requests("wrong"))
        assertFalse(File(unfinished, "model.pte.part").exists(), "it would never become right")
    }

    @Test
    fun aMissingFile() = fails<DownloadException.NotFound>("gone", "has no model.pte")

    @Test
    fun whatIsNoArtifact() {
        fails<DownloadException.NoArtifact>("page", "is no JSON")
        fails<DownloadException.NoArtifact>("evil", "../evil")
        assertEquals(emptyList(), root.parentFile.list()!!.filter { it == "evil" })
    }

    @Test
    fun redirectsAreFollowedWithoutTheToken() = runBlocking {
        download("redirect", "secret").run()
        complete()
    }

    @Test
    fun redirectsThatDoNotEndOrAreNotSafe() {
        fails<DownloadException.Unreachable>("loop", "redirects")
        fails<DownloadException.Refused>("unsafe", "not safe")
    }

    @Test
    fun gatedOnesNeedTheirToken() = runBlocking {
        fails<DownloadException.Refused>("gated", "needs a token")
        fails<DownloadException.Refused>("gated", "no access", token = "another")
        download("gated", "secret").run()
        complete()
    }

    @Test
    fun roomIsLookedForBeforeTheDownload() {
        val error = assertFailsWith<DownloadException.NoRoom> { runBlocking { download("plain", free = 599_999).run() } }
        assertTrue("free" in error.message!!, error.message)
        assertEquals(0, requests("plain"))
    }

    /** On a storage of 300 KB that .ci/kotlin mounts; the room is said to be there. */
    @Test
    fun aStorageThatFillsUp() = runBlocking {
        val small = File(System.getProperty("mmoe.small"), "S")
        val error = assertFailsWith<DownloadException.NoRoom> { download("plain", target = small).run() }
        assertTrue("cannot be written" in error.message!!, error.message)
        assertFalse(small.exists())
        download("plain", target = small).discard()
    }

    @Test
    fun aPauseKeepsWhatHasCome() = runBlocking {
        withTimeout(60_000) {
            val told = mutableListOf<Long>()
            val first = launch(Dispatchers.IO) { download("hangs").run { done, _ -> told += done } }
            while (File(unfinished, "model.pte.part").length() < 100_000) kotlinx.coroutines.delay(1)
            first.cancelAndJoin()
            val kept = File(unfinished, "model.pte.part").length()
            assertTrue(kept in 100_000 until 600_000, "$kept")
            assertEquals(mapOf("S" to "$server/hangs/$run/"), ArtifactDownload.unfinishedIn(root))
            assertFalse(target.exists())
            told.clear()
            download("hangs").run { done, _ -> told += done }
            assertTrue(told.first() >= kept, "it goes on where it was: ${told.first()}")
            complete()
            assertEquals(emptyMap(), ArtifactDownload.unfinishedIn(root))
        }
    }

    @Test
    fun aPauseEndsAConnectionThatHangs() = runBlocking {
        val hanging = launch(Dispatchers.IO) { download("hangs").run() }
        withTimeout(60_000) { while (File(unfinished, "model.pte.part").length() < 40_000) kotlinx.coroutines.delay(1) }
        // The connection's own limit is 20 s.
        withTimeout(10_000) { hanging.cancelAndJoin() }
    }

    @Test
    fun anArtifactThatIsPublishedAnewBetweenPauses() = runBlocking {
        val first = ArtifactDownload(ArtifactAddress.of("$server/update/$run"), target, attempts = 1)
        assertFailsWith<DownloadException.Unreachable> { first.run() }
        assertEquals(100_000, File(unfinished, "model.pte.part").length())
        download("update").run()
        complete(program.reversedArray())
        assertEquals(2, requests("update"), "the piece of the old version was of no use")
        assertEquals(1, requests("update", "tokenizer.json"), "what did not change was not fetched again")
    }

    @Test
    fun discardingLeavesNothing() = runBlocking {
        val unreachable = ArtifactDownload(ArtifactAddress.of("$server/drops/$run"), target, attempts = 1)
        assertFailsWith<DownloadException.Unreachable> { unreachable.run() }
        unreachable.discard()
        assertEquals(emptyList(), root.list()!!.toList())
    }

    @Test
    fun aNewOneReplacesTheOldOne() = runBlocking {
        target.mkdirs()
        File(target, "old.bin").writeText("old")
        download("plain").run()
        complete()
    }

    @Test
    fun aRealOneOpens() = runBlocking {
        download("real").run()
        Model.open(target, verifyChecksums = true).use { model ->
            Model.open(Reference.artifact).use { assertEquals(it.info.vocabSize, model.info.vocabSize) }
        }
    }

    @Test
    fun addresses() {
        fun folder(text: String) = ArtifactAddress.of(text).toString()
        assertEquals("https://huggingface.co/me/S/resolve/main/", folder("me/S"))
        assertEquals("https://huggingface.co/me/S-1.5/resolve/v2/", folder(" me/S-1.5@v2 "))
        assertEquals("https://huggingface.co/me/S/resolve/main/", folder("https://huggingface.co/me/S"))
        assertEquals("https://huggingface.co/me/S/resolve/v2/", folder("https://huggingface.co/me/S/tree/v2"))
        assertEquals("http://10.0.2.2:8000/", folder("http://10.0.2.2:8000"))
        assertEquals("https://host/a%20b/S/", folder("https://host/a%20b/S/mmoe.json"))
        assertEquals("S", ArtifactAddress.of("https://host/a/S/").name)
        assertEquals("S-1.5", ArtifactAddress.of("me/S-1.5").name)
        assertEquals("host", ArtifactAddress.of("https://host/").name)
        for (wrong in listOf("", "S", "a/b/c", "ftp://host/S", "http://", "file:///etc", "https://host/S?x=1", "http://a b/")) {
            assertFailsWith<IllegalArgumentException>(wrong) { ArtifactAddress.of(wrong) }
        }
    }
}
