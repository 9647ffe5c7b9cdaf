package org.mmoe.benchmark

import java.io.File
import java.io.IOException
import org.mmoe.Memory
import org.mmoe.Stats
import org.mmoe.download.JsonReader
import org.mmoe.download.MANIFEST
import org.mmoe.download.artifactFiles

/** What it ran on. [memoryBytes] is null if the device does not tell. */
public data class Device(
    public val name: String,
    public val soc: String,
    public val system: String,
    public val cores: Int,
    public val memoryBytes: Long?,
)

/** How hot a device says it is, in the words of iOS. */
public enum class ThermalState { NOMINAL, FAIR, SERIOUS, CRITICAL }

/** How the device was at a moment; null for what it does not tell. [batteryLevel] is 0 to 1. */
public data class Conditions(
    public val thermal: ThermalState?,
    public val batteryLevel: Double?,
    public val charging: Boolean?,
)

/** What was run. [programSha256] is that of model.pte, as the manifest has it. */
public data class ArtifactIdentity(
    public val name: String,
    public val backend: String,
    public val programSha256: String,
    public val programBytes: Long,
) {
    public companion object {
        /**
         * @throws IOException the folder has no manifest that can be read.
         */
        public fun of(folder: File): ArtifactIdentity {
            val text = File(folder, MANIFEST).readText()
            val program = artifactFiles(text, folder.path).firstOrNull { it.name == "model.pte" }
            val backend = ((JsonReader.read(text) as Map<*, *>)["backend"] as? Map<*, *>)?.get("name") as? String
            if (program == null || backend == null) throw IOException("${folder.path}/$MANIFEST names no program and backend")
            return ArtifactIdentity(folder.name, backend, program.sha256, program.bytes)
        }
    }
}

/** All rounds of one prompt. */
public data class PromptRounds(public val prompt: PlannedPrompt, public val rounds: List<Stats>) {
    public val ttftSeconds: Double get() = median(rounds.map { it.ttftSeconds })
    public val prefillTokensPerSecond: Double get() = median(prefills)
    public val decodeTokensPerSecond: Double get() = median(decodes)

    // Until the token after the prompt is known, as everywhere.
    internal val prefills: List<Double> get() = rounds.map { it.prefillTokens / it.ttftSeconds }
    internal val decodes: List<Double> get() = rounds.mapNotNull { it.decodeTokensPerSecond }
}

/** Milliseconds; null for what was not measured. */
public data class Loads(public val coldMillis: Double?, public val warmMillis: Double?)

/** The speed over a while that ended [seconds] after the mode had begun. */
public data class SustainedPoint(
    public val seconds: Double,
    public val tokensPerSecond: Double,
    public val thermal: ThermalState?,
)

/**
 * Speed and memory of an artifact on a device: the document that `mmoe-export bench --json` writes, too, and that
 * `mmoe-export bench --compare` reads. `export/bench/benchmark.schema.json` says what each field is.
 *
 * @property version of the library.
 * @property rows what has been measured so far.
 * @property sustainedPrompt the tokens in front of [sustained].
 */
public data class BenchmarkReport(
    public val version: String,
    public val device: Device,
    public val artifact: ArtifactIdentity,
    public val contextLen: Int,
    public val threads: Int,
    public val before: Conditions,
    public val after: Conditions,
    public val loads: Loads,
    public val memory: Memory,
    public val rows: List<PromptRounds>,
    public val sustainedPrompt: Int = 0,
    public val sustained: List<SustainedPoint> = emptyList(),
) {
    public val notFitting: List<Int> get() = Protocol.notFitting(contextLen)

    public fun toJson(): String = json(
        mapOf(
            "schema" to "mmoe-benchmark",
            "schema_version" to 2,
            "engine" to mapOf("version" to version),
            "device" to mapOf(
                "name" to device.name,
                "soc" to device.soc,
                "system" to device.system,
                "cores" to device.cores,
                "memory_bytes" to device.memoryBytes,
            ),
            "protocol" to mapOf(
                "prompt_lengths" to rows.map { it.prompt.tokens }.distinct(),
                "depths" to rows.map { it.prompt.tokens }.distinct(),
                "not_fitting" to notFitting,
                "decode_tokens" to Protocol.DECODE_TOKENS,
                "rounds" to Protocol.ROUNDS,
                "threads" to threads,
            ),
            "before" to before.json(),
            "after" to after.json(),
            "models" to listOf(model()),
        ),
    )

    private fun model() = mapOf(
        "artifact" to mapOf(
            "name" to artifact.name,
            "backend" to artifact.backend,
            "program_sha256" to artifact.programSha256,
            "program_bytes" to artifact.programBytes,
        ),
        "isa" to null,
        "loads" to mapOf("cold_ms" to loads.coldMillis, "warm_ms" to loads.warmMillis),
        "memory" to mapOf(
            "peak_bytes" to memory.peakBytes,
            "peak_anonymous_bytes" to memory.peakAnonymousBytes,
            "peak_file_bytes" to memory.peakFileBytes,
        ),
        "tests" to rows.flatMap { row ->
            listOf(test(row, "prefill", row.prefills), test(row, "decode", row.decodes))
        },
        "sustained" to if (sustained.isEmpty()) null else mapOf(
            "prompt" to PromptKind.TEXT.id,
            "prompt_tokens" to sustainedPrompt,
            "points" to sustained.map {
                mapOf(
                    "seconds" to it.seconds,
                    "tokens_per_second" to it.tokensPerSecond,
                    "thermal_state" to it.thermal?.name?.lowercase(),
                )
            },
        ),
    )

    private fun test(row: PromptRounds, phase: String, samples: List<Double>) = mapOf(
        "prompt" to row.prompt.kind.id,
        "phase" to phase,
        "tokens" to row.prompt.tokens,
        "tokens_per_second" to mapOf("samples" to samples),
    )

    private fun Conditions.json() = mapOf(
        "thermal_state" to thermal?.name?.lowercase(),
        "battery_level" to batteryLevel,
        "charging" to charging,
    )
}

private fun median(values: List<Double>): Double {
    val sorted = values.sorted()
    return (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
}
