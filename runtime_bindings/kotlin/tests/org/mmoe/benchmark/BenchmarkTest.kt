package org.mmoe.benchmark

import com.google.gson.JsonParser
import java.io.File
import java.io.IOException
import kotlin.io.path.createTempDirectory
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import org.mmoe.Memory
import org.mmoe.Model
import org.mmoe.Reference
import org.mmoe.Stats

class BenchmarkTest {
    @Test
    fun promptsThatFit() {
        fun fitting(contextLen: Int) = Protocol.prompts(contextLen).groupBy({ it.kind }, { it.tokens })
        val all = mapOf(PromptKind.TEXT to listOf(256, 1024, 4096, 8064), PromptKind.TEMPLATED to listOf(256, 1024))
        assertEquals(all, fitting(8192))
        assertEquals(mapOf(PromptKind.TEXT to listOf(256, 896), PromptKind.TEMPLATED to listOf(256, 896)), fitting(1024))
        assertEquals(emptyMap(), fitting(128))
        assertEquals(listOf(4096, 8192), Protocol.notFitting(2048))
        assertEquals(listOf(7, 8, 9, 7, 8), Protocol.prompt(intArrayOf(7, 8, 9), 5).toList())
    }

    /** The slots of the template change, and no two sentences are the same. */
    @Test
    fun templatedTextHasDifferentSentences() {
        val sentences = Protocol.templatedText().trim().split("\n")
        assertEquals(sentences.size, sentences.toSet().size)
        assertTrue(sentences.all { Regex("""Question: \w+ has \d+ (\w+) and buys \d+ more\. How many \1 does \w+ have\? Answer: \d+\.""").matches(it) })
        val sum = Regex("""has (\d+) .* buys (\d+) .* Answer: (\d+)""")
        for (each in sentences) sum.find(each)!!.destructured.let { (had, more, answer) -> assertEquals(answer.toInt(), had.toInt() + more.toInt(), each) }
    }

    @Test
    fun aModelIsMeasuredWithGivenTokens() = runBlocking {
        Model.open(Reference.artifact).use { model ->
            val ids = Protocol.prompt(model.tokenize(Protocol.templatedText()), 40)
            val stats = model.measure(ids, decodeTokens = 12)
            assertEquals(40L to 12L, stats.prefillTokens to stats.decodeTokens)
            val points = mutableListOf<Pair<Double, Double>>()
            model.sustain(ids, seconds = 1.0, stepSeconds = 0.25) { seconds, rate -> points += seconds to rate }
            assertTrue(points.isNotEmpty() && points.size <= 4, "$points")
            assertTrue(points.all { (seconds, rate) -> seconds >= 0.25 && rate > 0 }, "$points")
            assertEquals(points.sortedBy { it.first }, points)
        }
        assertTrue(dropFromPageCache(File(Reference.artifact, "model.pte")))
        assertEquals(false, dropFromPageCache(File(Reference.artifact, "nothing")))
        assertTrue(loadMillis(Reference.artifact, threads = 0) > 0)
    }

    @Test
    fun theReportIsADocumentOfOurs() {
        val identity = ArtifactIdentity.of(Reference.artifact)
        assertEquals(Reference.artifact.name to File(Reference.artifact, "model.pte").length(), identity.name to identity.programBytes)
        val stats = Stats(0.3, 2.0, 256, 1.9, 128, 4.0, 3.9)
        val conditions = Conditions(ThermalState.FAIR, 0.5, charging = true)
        val report = BenchmarkReport(
            "0.1.0", Device("a \"b\"\n", "chip", "Android 16", 8, null), identity, 1024, 4, conditions, conditions, Loads(null, 3.5),
            Memory(1, 2, 3, 4, 7), listOf(PromptRounds(PlannedPrompt(PromptKind.TEXT, 256), List(3) { stats })), 256,
            listOf(SustainedPoint(5.0, 61.5, null)),
        )
        val json = JsonParser.parseString(report.toJson()).asJsonObject
        assertEquals("a \"b\"\n", json["device"].asJsonObject["name"].asString)
        assertEquals("[256]", json["protocol"].asJsonObject["depths"].toString())
        assertEquals("[4096,8192]", json["protocol"].asJsonObject["not_fitting"].toString())
        assertEquals("""{"thermal_state":"fair","battery_level":0.5,"charging":true}""", json["before"].toString())
        val model = json["models"].asJsonArray.single().asJsonObject
        assertEquals("""{"cold_ms":null,"warm_ms":3.5}""", model["loads"].toString())
        assertEquals(
            """[{"prompt":"text","phase":"prefill","tokens":256,"tokens_per_second":{"samples":[128.0,128.0,128.0]}},""" +
                """{"prompt":"text","phase":"decode","tokens":256,"tokens_per_second":{"samples":[32.0,32.0,32.0]}}]""",
            model["tests"].toString(),
        )
        assertEquals(
            """{"prompt":"text","prompt_tokens":256,"points":[{"seconds":5.0,"tokens_per_second":61.5,"thermal_state":null}]}""",
            model["sustained"].toString(),
        )
        assertTrue(JsonParser.parseString(report.copy(sustained = emptyList()).toJson()).asJsonObject["models"].asJsonArray[0].asJsonObject["sustained"].isJsonNull)
    }

    @Test
    fun aFolderWithoutAManifestHasNoIdentity() {
        val folder = createTempDirectory("empty").toFile()
        try {
            assertFailsWith<IOException> { ArtifactIdentity.of(folder) }
        } finally {
            folder.deleteRecursively()
        }
    }

    @Test
    fun jsonEscapes() {
        assertEquals(
            """{"a \"b\"":["\\","line\u000a","ä🙂",1,2.5,true,null,null]}""",
            json(mapOf("a \"b\"" to listOf("\\", "line\n", "ä🙂", 1, 2.5, true, null, Double.NaN))),
        )
    }
}
