package org.mmoe.app

import org.mmoe.Memory
import org.mmoe.ModelInfo
import org.mmoe.Stats

/** Prompt lengths of the MobileMoE paper's measurements on phones, tokens. */
val PROTOCOL_PROMPTS = listOf(256, 1024, 4096, 8192)
const val PROTOCOL_DECODE_TOKENS = 128
const val PROTOCOL_ROUNDS = 3

/**
 * The prompts of the protocol that a cache of [contextLen] tokens holds together with the decoded ones. A prompt that
 * fills the cache alone is shortened to leave room: 8,192 of 8,192 becomes 8,064.
 */
fun plannedPrompts(contextLen: Int, decodeTokens: Int = PROTOCOL_DECODE_TOKENS): List<Int> =
    PROTOCOL_PROMPTS.filter { it <= contextLen }.map { minOf(it, contextLen - decodeTokens) }.filter { it > 0 }

/** The first [count] of [ids], which start again where they end. */
fun promptOf(ids: IntArray, count: Int): IntArray = IntArray(count) { ids[it % ids.size] }

/** All rounds of one prompt length. */
data class BenchmarkRow(val promptTokens: Int, val rounds: List<Stats>) {
    val ttftSeconds: Double get() = median(rounds.map { it.ttftSeconds })
    val prefillTokensPerSecond: Double get() = median(rounds.mapNotNull { it.prefillTokensPerSecond })
    val decodeTokensPerSecond: Double?
        get() = rounds.mapNotNull { it.decodeTokensPerSecond }.takeIf { it.isNotEmpty() }?.let(::median)
}

data class Device(val name: String, val soc: String, val system: String)

data class BenchmarkReport(
    val device: Device,
    val library: String,
    val model: String,
    val info: ModelInfo,
    val decodeTokens: Int,
    val rows: List<BenchmarkRow>,
    /** Lengths of the protocol that the context does not hold. */
    val notFitting: List<Int>,
    val memory: Memory,
) {
    fun toJson(): String = json(
        mapOf(
            "device" to mapOf("name" to device.name, "soc" to device.soc, "system" to device.system),
            "library" to library,
            "model" to model,
            "program_bytes" to info.programBytes,
            "load_seconds" to info.loadSeconds,
            "threads" to info.threads,
            "decode_tokens" to decodeTokens,
            "prompt" to "bundled text (King James Version)",
            "tests" to rows.map { row ->
                mapOf(
                    "prompt_tokens" to row.promptTokens,
                    "ttft_seconds" to row.rounds.map { it.ttftSeconds },
                    "prefill_tokens_per_second" to row.rounds.map { it.prefillTokensPerSecond },
                    "decode_tokens" to row.rounds.map { it.decodeTokens },
                    "decode_tokens_per_second" to row.rounds.map { it.decodeTokensPerSecond },
                )
            },
            "prompt_tokens_not_fitting" to notFitting,
            "peak_anonymous_bytes" to memory.peakAnonymousBytes,
            "peak_file_bytes" to memory.peakFileBytes,
            "peak_bytes" to memory.peakBytes,
        ),
    )
}

private fun median(values: List<Double>): Double {
    val sorted = values.sorted()
    return (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
}
