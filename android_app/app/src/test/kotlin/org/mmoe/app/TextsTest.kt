package org.mmoe.app

import kotlin.test.Test
import kotlin.test.assertEquals
import org.mmoe.Memory
import org.mmoe.ModelInfo
import org.mmoe.Stats

/** What the screens say, against sentences written by hand. */
class TextsTest {
    private val memory = Memory(1, 2, 123_400_000, 700_000_000, 823_400_000)
    private val info = ModelInfo(2048, 128, 4096, 5, 1, 4, true, 714_000_000, 0.314)

    @Test
    fun figures() {
        val stats = Stats(0.314, 2.01, 1024, 2.0, 128, 1.14, 1.1)
        assertEquals(
            """
            load          0.31 s
            TTFT          2.01 s
            prefill       512.0 tokens/s  (1024 tokens)
            decode        112.3 tokens/s  (128 tokens)
            peak memory   123 MB anonymous, 700 MB file
            threads       4
            """.trimIndent(),
            Figures(stats, memory, threads = 4).text(Resources.words),
        )
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
    fun benchmarkTable() {
        val rounds = listOf(1.0, 3.0, 2.0).map { Stats(0.3, it, 256, it, 128, it, it) }
        val report = BenchmarkReport(Device("p", "c", "a"), "0.1.0", "S", info, 128, listOf(BenchmarkRow(256, rounds)), listOf(8192), memory)
        assertEquals(
            """
            prompt      TTFT          prefill           decode
               256    2.00 s   128.0 tokens/s    64.0 tokens/s
            not run, for the context holds 4096: 8192
            peak 123 MB anonymous, 700 MB file; 4 threads
            """.trimIndent(),
            report.text(Resources.words),
        )
    }

    @Test
    fun promptsOfTheProtocolThatFit() {
        assertEquals(listOf(256, 1024, 4096, 8064), plannedPrompts(8192))
        assertEquals(listOf(256, 1024, 3968), plannedPrompts(4096))
        assertEquals(listOf(256), plannedPrompts(512))
        assertEquals(emptyList(), plannedPrompts(128))
        assertEquals(listOf(7, 8, 9, 7, 8), promptOf(intArrayOf(7, 8, 9), 5).toList())
    }

    @Test
    fun jsonEscapes() {
        assertEquals(
            """{"a \"b\"":["\\","line\u000a","ä🙂",1,2.5,null,null]}""",
            json(mapOf("a \"b\"" to listOf("\\", "line\n", "ä🙂", 1, 2.5, null, Double.NaN))),
        )
    }
}
