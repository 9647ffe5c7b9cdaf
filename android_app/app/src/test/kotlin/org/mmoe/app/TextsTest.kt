package org.mmoe.app

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.mmoe.Memory
import org.mmoe.ModelInfo
import org.mmoe.Stats
import org.mmoe.benchmark.ArtifactIdentity
import org.mmoe.benchmark.BenchmarkReport
import org.mmoe.benchmark.Conditions
import org.mmoe.benchmark.Device
import org.mmoe.benchmark.Loads
import org.mmoe.benchmark.PlannedPrompt
import org.mmoe.benchmark.PromptKind
import org.mmoe.benchmark.PromptRounds
import org.mmoe.benchmark.ThermalState
import org.mmoe.download.CatalogueEntry

/** What the screens say, against sentences written by hand. */
class TextsTest {
    private val memory = Memory(1, 2, 123_400_000, 700_000_000, 823_400_000)
    private val info = ModelInfo(2048, 128, 4096, 5, 1, 4, true, 714_000_000, 0.314)

    @Test
    fun figures() {
        val stats = Stats(0.314, 2.01, 1024, 2.0, 128, 1.14, 1.1)
        assertEquals(
            """
            Time to first token: 2.01 s
            Prefill: 512.0 tokens/s (1024 tokens)
            Decode: 112.3 tokens/s (128 tokens)
            Memory at most: 123 MB, and 700 MB of mapped files
            Loading: 0.31 s
            Threads: 4
            Phone: rather hot
            """.trimIndent(),
            Figures(stats, memory, threads = 4, Thermal.MODERATE).text(Resources.words),
        )
        val experts = ExpertUse.of(listOf(longArrayOf(6, 0, 2, 0), longArrayOf(1, 1, 7, 1)))
        assertTrue(
            "\nExperts: 2 to 4 of the 4 of each layer; most of all expert 0 of layer 0, 75 %\n" in
                Figures(stats, memory, threads = 4, Thermal.NONE, experts).text(Resources.words),
        )
        assertEquals(null, ExpertUse.of(emptyList()))
        assertEquals(null, ExpertUse.of(listOf(longArrayOf(0, 0))))
        assertEquals(null, Stats(0.0, 0.0, 0, 0.0, 0, 0.0, 0.0).decodeTokensPerSecond)
    }

    @Test
    fun statusOfEveryWork() {
        val state = AppState()
        assertEquals("No artifact yet: download one, or import the folder that mmoe-export wrote", state.statusText(Resources.words))
        assertEquals("Copying: 12 MB of 714 MB", state.copy(work = Work.Copying(12_000_000, 714_000_000)).statusText(Resources.words))
        assertEquals("Opening S", state.copy(work = Work.Opening("S")).statusText(Resources.words))
        assertEquals("Benchmark, run 4 of 12", state.copy(work = Work.Benchmark(3, 12)).statusText(Resources.words))
        assertEquals("Decode, 7 tokens", state.copy(work = Work.Decode(7)).statusText(Resources.words))
    }

    @Test
    fun whatIsKnownOfAModelThatCanBeHad() {
        val made = CatalogueEntry("A", address = null, base = "owner/A", licence = "Some Licence", gated = true)
        assertEquals(
            "Some Licence, needs a token\nNobody publishes it yet: make it with `mmoe-export convert owner/A`, then import it or serve it.",
            made.text(Resources.words),
        )
        assertEquals("700 MB", CatalogueEntry("B", "owner/B", null, null, bytes = 700_000_000).text(Resources.words))
    }

    @Test
    fun whatABenchmarkFound() {
        val rounds = listOf(1.0, 3.0, 2.0).map { Stats(0.3, it, 256, it, 128, it, it) }
        val report = BenchmarkReport(
            version = "0.1.0",
            device = Device("p", "c", "a", 8, null),
            artifact = ArtifactIdentity("S", "xnnpack", "0f".repeat(32), 1),
            contextLen = 4096,
            threads = 4,
            before = Conditions(ThermalState.NOMINAL, 0.8, charging = false),
            after = Conditions(ThermalState.SERIOUS, 0.745, charging = true),
            loads = Loads(900.0, null),
            memory = memory,
            rows = listOf(PromptRounds(PlannedPrompt(PromptKind.TEMPLATED, 256), rounds)),
        )
        assertEquals(
            """
            prompt      TTFT   prefill    decode  tokens/s
               256    2.00 s     128.0      64.0  templated
            """.trimIndent(),
            report.table(Resources.words),
        )
        assertEquals(
            """
            Loaded cold in 0.90 s, warm in -
            Memory at most: 123 MB, and 700 MB of mapped files; 4 threads
            Phone before: cool, 80 %; after: hot, 75 % ⚡
            Not run, for the context holds 4096: 8192
            """.trimIndent(),
            report.facts(Resources.words),
        )
        assertEquals("", report.curveText(Resources.words))
    }
}
