package org.mmoe.app

import java.util.Locale
import org.mmoe.benchmark.BenchmarkReport
import org.mmoe.benchmark.Conditions
import org.mmoe.benchmark.PromptKind
import org.mmoe.benchmark.Protocol
import org.mmoe.benchmark.ThermalState
import org.mmoe.download.CatalogueEntry

/** The texts of res/values in the user's language. (Off a phone, the tests read them themselves.) */
fun interface Words {
    fun text(id: Int, vararg arguments: Any): String
}

/** Bytes as MB of 10^6, as file sizes are given. */
fun megabytes(bytes: Long): String = "%,.0f MB".format(Locale.US, bytes / 1e6)

fun rate(tokensPerSecond: Double?): String =
    if (tokensPerSecond == null) "-" else "%,.1f tokens/s".format(Locale.US, tokensPerSecond)

fun seconds(seconds: Double): String = "%.2f s".format(Locale.US, seconds)

/** One line: what goes on, or what is open. */
fun AppState.statusText(words: Words): String =
    when (val work = work) {
        is Work.Copying -> words.text(R.string.copying, megabytes(work.doneBytes), megabytes(work.totalBytes))
        is Work.Opening -> words.text(R.string.opening, work.name)
        Work.Prefill -> words.text(R.string.prefill)
        is Work.Decode -> words.text(R.string.decode, work.tokens)
        is Work.Benchmark -> words.text(R.string.benchmarking, work.done + 1, work.total)
        is Work.Sustained -> words.text(R.string.sustaining, work.seconds, Protocol.SUSTAINED_SECONDS.toInt())
        Work.Stopping -> words.text(R.string.stopping)
        Work.Idle -> when (val model = model) {
            ModelState.None -> words.text(if (artifacts.isEmpty()) R.string.no_artifact else R.string.no_model)
            is ModelState.Open -> with(model.info) {
                words.text(R.string.opened, model.name, megabytes(programBytes), maxContextLen, seconds(loadSeconds), threads)
            }
        }
    }

/** What went wrong, or why answers are slower than they were. */
fun AppState.noticeText(words: Words): String =
    when (val notice = notice) {
        is Notice.Said -> notice.text
        is Notice.Known -> words.text(notice.id)
        null -> if (thermal >= Thermal.SEVERE) words.text(R.string.heat, thermal.text(words)) else ""
    }

fun Thermal.text(words: Words): String =
    words.text(
        when (this) {
            Thermal.NONE -> R.string.thermal_none
            Thermal.LIGHT -> R.string.thermal_light
            Thermal.MODERATE -> R.string.thermal_moderate
            Thermal.SEVERE -> R.string.thermal_severe
            Thermal.CRITICAL -> R.string.thermal_critical
            Thermal.EMERGENCY -> R.string.thermal_emergency
            Thermal.SHUTDOWN -> R.string.thermal_shutdown
        },
    )

/** Why an answer ends, where it did not end by itself. */
fun TurnEnd.text(words: Words): String =
    when (this) {
        TurnEnd.RUNNING, TurnEnd.ENDED -> ""
        TurnEnd.STOPPED -> words.text(R.string.ended_stopped)
        TurnEnd.LENGTH -> words.text(R.string.ended_length)
        TurnEnd.CONTEXT_FULL -> words.text(R.string.ended_context_full)
    }

/** What is known of a model that can be had: its licence, its size, how to come by it. */
fun CatalogueEntry.text(words: Words): String {
    val facts = listOfNotNull(licence, bytes?.let(::megabytes), if (gated) words.text(R.string.catalogue_gated) else null)
    val made = if (address == null) words.text(R.string.catalogue_made, base.orEmpty()) else null
    return listOfNotNull(facts.joinToString(", ").ifEmpty { null }, made).joinToString("\n")
}

fun Figures.text(words: Words): String =
    listOfNotNull(statsText(words), experts?.text(words), words.text(R.string.thermal, thermal.text(words))).joinToString("\n")

private fun ExpertUse.text(words: Words): String {
    val share = "%.0f %%".format(Locale.US, 100 * busiestShare)
    return words.text(R.string.experts, used.min(), used.max(), experts, busiestLayer, busiestExpert, share)
}

private fun Figures.statsText(words: Words): String = with(stats) {
    words.text(
        R.string.figures,
        seconds(loadSeconds),
        seconds(ttftSeconds),
        rate(prefillTokensPerSecond),
        prefillTokens,
        rate(decodeTokensPerSecond),
        decodeTokens,
        megabytes(memory.peakAnonymousBytes),
        megabytes(memory.peakFileBytes),
        threads,
    )
}

/** A row for each prompt. */
fun BenchmarkReport.table(words: Words): String =
    (listOf(words.text(R.string.table_header)) + rows.map { row ->
        "%6d %9s %9s %9s  %s".format(
            Locale.US,
            row.prompt.tokens,
            seconds(row.ttftSeconds),
            number(row.prefillTokensPerSecond),
            number(row.decodeTokensPerSecond),
            words.text(if (row.prompt.kind == PromptKind.TEXT) R.string.kind_text else R.string.kind_templated),
        )
    }).joinToString("\n")

/** What was found beside the speed, and how the phone was before and after. */
fun BenchmarkReport.facts(words: Words): String {
    fun millis(millis: Double?) = if (millis == null) "-" else seconds(millis / 1000)
    val lines = mutableListOf(
        words.text(R.string.loads, millis(loads.coldMillis), millis(loads.warmMillis)),
        words.text(R.string.peak, megabytes(memory.peakAnonymousBytes), megabytes(memory.peakFileBytes), threads),
        words.text(R.string.conditions, before.text(words), after.text(words)),
    )
    if (notFitting.isNotEmpty()) lines += words.text(R.string.not_fitting, contextLen, notFitting.joinToString())
    return lines.joinToString("\n")
}

/** The first speed of the sustained mode, the last one, and when that was; empty without. */
fun BenchmarkReport.curveText(words: Words): String {
    val first = sustained.firstOrNull() ?: return ""
    val last = sustained.last()
    return words.text(R.string.curve, rate(first.tokensPerSecond), rate(last.tokensPerSecond), last.seconds.toInt())
}

private fun number(tokensPerSecond: Double) = "%,.1f".format(Locale.US, tokensPerSecond)

private fun Conditions.text(words: Words): String {
    val heat = when (thermal) {
        ThermalState.NOMINAL -> words.text(R.string.thermal_none)
        ThermalState.FAIR -> words.text(R.string.thermal_light)
        ThermalState.SERIOUS -> words.text(R.string.thermal_severe)
        ThermalState.CRITICAL -> words.text(R.string.thermal_critical)
        null -> "-"
    }
    val battery = batteryLevel?.let { "%.0f %%".format(Locale.US, 100 * it) } ?: "-"
    return "$heat, $battery${if (charging == true) " \u26a1" else ""}"
}
