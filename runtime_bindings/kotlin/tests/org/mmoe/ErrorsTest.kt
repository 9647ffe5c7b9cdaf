package org.mmoe

import java.io.File
import java.io.RandomAccessFile
import kotlin.io.path.createTempDirectory
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking

/** Every fault is an exception of its own type with the library's sentence. */
class ErrorsTest {
    private fun <T> withCopy(damage: (File) -> Unit, test: (File) -> T): T {
        val copy = createTempDirectory("artifact").toFile()
        try {
            Reference.artifact.copyRecursively(copy, overwrite = true)
            damage(copy)
            return test(copy)
        } finally {
            copy.deleteRecursively()
        }
    }

    @Test
    fun aMissingFolder() {
        val error = assertFailsWith<MmoeException.NotFound> { Model.open(File("/nowhere/at-all")) }
        assertTrue("/nowhere/at-all" in error.message!!, error.message)
    }

    @Test
    fun aMissingProgram() {
        withCopy({ File(it, "model.pte").delete() }) { folder ->
            val error = assertFailsWith<MmoeException.NotFound> { Model.open(folder) }
            assertTrue("model.pte" in error.message!!, error.message)
        }
    }

    @Test
    fun aCutProgram() {
        val half = { folder: File -> RandomAccessFile(File(folder, "model.pte"), "rw").use { it.setLength(it.length() / 2) } }
        withCopy(half) { folder ->
            val error = assertFailsWith<MmoeException.Corrupt> { Model.open(folder) }
            assertTrue("model.pte" in error.message!!, error.message)
        }
    }

    @Test
    fun anAlteredByteIsFoundByItsChecksum() {
        val flip = { folder: File ->
            RandomAccessFile(File(folder, "model.pte"), "rw").use { file ->
                file.seek(file.length() / 2)
                val byte = file.read()
                file.seek(file.length() / 2)
                file.write(byte xor 1)
            }
        }
        withCopy(flip) { folder ->
            assertFailsWith<MmoeException.Corrupt> { Model.open(folder, verifyChecksums = true) }
        }
        Model.open(Reference.artifact, verifyChecksums = true).close()
    }

    @Test
    fun aManifestThatIsNoJson() {
        withCopy({ File(it, "mmoe.json").writeText("{") }) { folder ->
            assertFailsWith<MmoeException.Corrupt> { Model.open(folder) }
        }
    }

    @Test
    fun aPromptLongerThanTheContextRunsNothing() = runBlocking {
        Model.open(Reference.artifact).use { model ->
            model.newSession().use { session ->
                val error = assertFailsWith<MmoeException.ContextFull> { session.prefill(IntArray(model.info.maxContextLen + 1) { 1 }) }
                assertTrue("${model.info.maxContextLen}" in error.message!!, error.message)
                assertEquals(0, session.position)
                session.prefill(IntArray(model.info.maxContextLen) { 1 })
                assertEquals(model.info.maxContextLen.toLong(), session.position)
                assertEquals(FinishReason.CONTEXT_FULL, session.generate().toList().last().finishReason)
            }
        }
    }

    @Test
    fun valuesOutsideTheirRange() = runBlocking {
        Model.open(Reference.artifact).use { model ->
            assertFailsWith<MmoeException.InvalidArgument> { model.newSession(Sampling(temperature = -1f)) }
            assertFailsWith<MmoeException.InvalidArgument> { model.newSession(Sampling(topP = 0f)) }
            assertFailsWith<MmoeException.InvalidArgument> { model.chatJson("[") }
            assertFailsWith<MmoeException.InvalidArgument> { model.chatJson("{}", now = "yesterday") }
            model.newSession().use { session ->
                assertFailsWith<MmoeException.InvalidArgument> { session.prefill(intArrayOf(model.info.vocabSize)) }
                assertFailsWith<MmoeException.InvalidArgument> { session.prefill(IntArray(0)) }
                assertFailsWith<MmoeException.InvalidArgument> { session.truncate(1) }
                assertFailsWith<IllegalArgumentException> { session.generate("x", maxNewTokens = -1) }
            }
        }
        Unit
    }

    @Test
    fun whatIsClosedIsRefused() = runBlocking {
        val model = Model.open(Reference.artifact)
        val session = model.newSession()
        session.close()
        session.close()
        assertFailsWith<MmoeException.Closed> { session.position }
        assertFailsWith<MmoeException.Closed> { session.generate("x").toList() }
        val other = model.newSession()
        model.close()
        model.close()
        assertFailsWith<MmoeException.Closed> { other.prefill(intArrayOf(1)) }
        assertFailsWith<MmoeException.Closed> { model.newSession() }
        assertFailsWith<MmoeException.Closed> { model.tokenBytes(1) }
        Unit
    }

    /** The classes' names are those of the ABI, so that a new status cannot slip in unnoticed. */
    @Test
    fun everyStatusHasItsException() {
        val expected = mapOf("runtime" to "ProgramFailed", "buffer_too_small" to "Unknown")
        for (status in 1..13) {
            val name = Native.statusName(status).decodeToString()
            val type = expected[name] ?: name.split("_").joinToString("") { it.replaceFirstChar(Char::uppercase) }
            assertEquals(type, MmoeException.of(status, "")::class.simpleName)
        }
        assertEquals(99, assertIs<MmoeException.Unknown>(MmoeException.of(99, "?")).status)
    }
}
