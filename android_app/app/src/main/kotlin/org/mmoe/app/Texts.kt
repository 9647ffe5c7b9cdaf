package org.mmoe.app

import java.util.Locale

/** Bytes as MB of 10^6, as file sizes are given. */
fun megabytes(bytes: Long): String = "%,.0f MB".format(Locale.US, bytes / 1e6)

fun rate(tokensPerSecond: Double?): String =
    if (tokensPerSecond == null) "-" else "%,.1f tokens/s".format(Locale.US, tokensPerSecond)

fun seconds(seconds: Double): String = "%.2f s".format(Locale.US, seconds)

/** One line: what goes on, or what is open. */
fun AppState.statusText(): String =
    when (val work = work) {
        is Work.Copying -> "Copying: ${megabytes(work.doneBytes)} of ${megabytes(work.totalBytes)}"
        is Work.Opening -> "Opening ${work.name}"
        Work.Prefill -> "Prefill"
        is Work.Decode -> "Decode, ${work.tokens} tokens"
        is Work.Benchmark -> "Benchmark, run ${work.done + 1} of ${work.total}"
        Work.Stopping -> "Stopping"
        Work.Idle -> when (val model = model) {
            ModelState.None ->
                if (artifacts.isEmpty()) "No artifact yet: import the folder that mmoe-export wrote" else "No model open"
            is ModelState.Open -> with(model.info) {
                "${model.name}: ${megabytes(programBytes)}, context $maxContextLen, " +
                    "loaded in ${seconds(loadSeconds)}, $threads threads"
            }
        }
    }

fun AppState.transcriptText(): String = transcript.joinToString("\n\n") { "> ${it.prompt}\n${it.answer}" }

fun Figures.text(): String = with(stats) {
    """
    load          ${seconds(loadSeconds)}
    TTFT          ${seconds(ttftSeconds)}
    prefill       ${rate(prefillTokensPerSecond)}  ($prefillTokens tokens)
    decode        ${rate(decodeTokensPerSecond)}  ($decodeTokens tokens)
    peak memory   ${megabytes(memory.peakAnonymousBytes)} anonymous, ${megabytes(memory.peakFileBytes)} file
    threads       $threads
    """.trimIndent()
}

fun BenchmarkReport.text(): String =
    buildString {
        appendLine("%6s %9s %16s %16s".format(Locale.US, "prompt", "TTFT", "prefill", "decode"))
        for (row in rows) {
            appendLine(
                "%6d %9s %16s %16s".format(
                    Locale.US,
                    row.promptTokens,
                    seconds(row.ttftSeconds),
                    rate(row.prefillTokensPerSecond),
                    rate(row.decodeTokensPerSecond),
                ),
            )
        }
        if (notFitting.isNotEmpty()) {
            appendLine("not run, for the context holds ${info.maxContextLen}: ${notFitting.joinToString()}")
        }
        val peaks = "${megabytes(memory.peakAnonymousBytes)} anonymous, ${megabytes(memory.peakFileBytes)} file"
        append("peak $peaks; ${info.threads} threads")
    }
