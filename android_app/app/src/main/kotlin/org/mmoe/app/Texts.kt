package org.mmoe.app

import java.util.Locale

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
        Work.Stopping -> words.text(R.string.stopping)
        Work.Idle -> when (val model = model) {
            ModelState.None -> words.text(if (artifacts.isEmpty()) R.string.no_artifact else R.string.no_model)
            is ModelState.Open -> with(model.info) {
                words.text(R.string.opened, model.name, megabytes(programBytes), maxContextLen, seconds(loadSeconds), threads)
            }
        }
    }

/** What went wrong, or what the reader should know of the conversation. */
fun AppState.noticeText(words: Words): String =
    notice ?: if (leftOut > 0) words.text(R.string.left_out, leftOut) else ""

fun AppState.transcriptText(): String = transcript.joinToString("\n\n") { "> ${it.prompt}\n${it.answer}" }

fun Figures.text(words: Words): String = with(stats) {
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

fun BenchmarkReport.text(words: Words): String =
    buildString {
        appendLine(words.text(R.string.table_header))
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
            appendLine(words.text(R.string.not_fitting, info.maxContextLen, notFitting.joinToString()))
        }
        append(words.text(R.string.peak, megabytes(memory.peakAnonymousBytes), megabytes(memory.peakFileBytes), info.threads))
    }
