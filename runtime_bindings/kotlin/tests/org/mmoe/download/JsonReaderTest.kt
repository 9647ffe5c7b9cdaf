package org.mmoe.download

import com.google.gson.JsonParser
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import org.mmoe.Reference
import java.io.File

class JsonReaderTest {
    @Test
    fun values() {
        val text = """ {"a": [1, -2.5e1, "x\u00e9\n\"\\", true, false, null, {}, []], "b": {"c": 9007199254740993}} """
        val expected = mapOf(
            "a" to listOf(1L, -25.0, "x\u00e9\n\"\\", true, false, null, emptyMap<String, Any>(), emptyList<Any>()),
            "b" to mapOf("c" to 9007199254740993L),
        )
        assertEquals<Any?>(expected, JsonReader.read(text))
    }

    @Test
    fun whatIsNone() {
        for (text in listOf("", "{", "[1,]", "{\"a\" 1}", "nul", "\"x", "\"\\u12\"", "\"\\x\"", "1 2", "{1: 2}", "[".repeat(1000))) {
            assertFailsWith<IllegalArgumentException>(text) { JsonReader.read(text) }
        }
    }

    /** The files of a real manifest, as Gson reads them. */
    @Test
    fun aManifest() {
        val text = File(Reference.artifact, "mmoe.json").readText()
        val gson = JsonParser.parseString(text).asJsonObject.getAsJsonObject("files")
        val expected = gson.entrySet().map { (name, record) ->
            ArtifactFile(name, record.asJsonObject["bytes"].asLong, record.asJsonObject["sha256"].asString)
        }
        assertEquals(expected, artifactFiles(text, "here"))
    }
}
