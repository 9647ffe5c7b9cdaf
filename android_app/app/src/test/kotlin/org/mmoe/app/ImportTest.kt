package org.mmoe.app

import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

/** Copying artifacts into the app's storage: whole or not at all. */
class ImportTest {
    private val root: File = createTempDirectory("store").toFile()
    private val store = ArtifactStore(File(root, "artifacts"))
    private val program = ByteArray(3_000_000) { (it * 31).toByte() }

    @AfterTest
    fun removeStore() {
        root.deleteRecursively()
    }

    private fun source(vararg files: SourceFile, name: String = "S") = object : ArtifactSource {
        override val name = name

        override fun files() = files.toList()
    }

    private fun file(name: String, bytes: ByteArray = "{}".encodeToByteArray()) =
        SourceFile(name, bytes.size.toLong()) { ByteArrayInputStream(bytes) }

    @Test
    fun everyByteArrivesAndProgressIsTold() {
        val told = mutableListOf<Pair<Long, Long>>()
        val name = store.import(source(file("mmoe.json"), file("model.pte", program))) { done, total -> told += done to total }
        assertEquals("S", name)
        assertEquals(listOf("S"), store.names())
        assertContentEquals(program, File(store.folder("S"), "model.pte").readBytes())
        assertEquals(told.sortedBy { it.first }, told)
        assertEquals(program.size + 2L to program.size + 2L, told.last())
        assertTrue(told.size >= 4, "progress comes once a megabyte: $told")
    }

    @Test
    fun whatAKilledImportLeftIsRemovedAtTheNextStart() {
        store.import(source(file("mmoe.json"))) { _, _ -> }
        val left = File(root, "artifacts/M.partial").apply { mkdirs() }
        File(left, "model.pte").writeBytes(program)
        val next = ArtifactStore(File(root, "artifacts"))
        assertEquals(listOf("S"), File(root, "artifacts").list()!!.toList())
        assertEquals(listOf("S"), next.names())
    }

    @Test
    fun aNewCopyReplacesTheOldOne() {
        store.import(source(file("mmoe.json"), file("old.bin"))) { _, _ -> }
        store.import(source(file("mmoe.json"), file("new.bin"))) { _, _ -> }
        assertEquals(setOf("mmoe.json", "new.bin"), store.folder("S").list()!!.toSet())
    }

    @Test
    fun aFailingCopyLeavesNothingAndKeepsTheOldOne() {
        store.import(source(file("mmoe.json"), file("old.bin"))) { _, _ -> }
        val broken = SourceFile("model.pte", 10) {
            object : InputStream() {
                override fun read(): Int = throw IOException("the card is gone")
            }
        }
        assertFailsWith<IOException> { store.import(source(file("mmoe.json"), broken)) { _, _ -> } }
        assertEquals(listOf("S"), File(root, "artifacts").list()!!.toList())
        assertTrue(File(store.folder("S"), "old.bin").exists())
    }

    @Test
    fun aStoppedCopyLeavesNothing() {
        class Stopped : Exception()
        assertFailsWith<Stopped> {
            store.import(source(file("mmoe.json"), file("model.pte", program))) { done, _ -> if (done > 1_000_000) throw Stopped() }
        }
        assertEquals(emptyList(), store.names())
        assertEquals(emptyList(), File(root, "artifacts").list()!!.toList())
    }

    @Test
    fun aFolderThatIsNoArtifactIsRefused() {
        val error = assertFailsWith<ImportException> { store.import(source(file("photo.jpg"), name = "DCIM")) { _, _ -> } }
        assertTrue("DCIM is no artifact" in error.message!!)
    }

    @Test
    fun namesCannotLeaveTheFolder() {
        for (name in listOf("../evil", "a/b", ".hidden", "")) {
            assertFailsWith<ImportException>(name) { store.import(source(file("mmoe.json"), file(name))) { _, _ -> } }
            assertFailsWith<ImportException>(name) { store.import(source(file("mmoe.json"), name = name)) { _, _ -> } }
        }
        assertEquals(emptyList(), root.list()!!.toList())
    }

    @Test
    fun whatDoesNotFitIsRefusedBeforeTheCopy() {
        val huge = SourceFile("model.pte", Long.MAX_VALUE / 2) { error("must not be opened") }
        val error = assertFailsWith<ImportException> { store.import(source(file("mmoe.json"), huge)) { _, _ -> } }
        assertTrue("are free" in error.message!!)
    }
}
