package org.mmoe.benchmark

import java.io.File
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.withContext
import org.mmoe.Model
import org.mmoe.Native
import org.mmoe.Session
import org.mmoe.Stats

/**
 * Prefills [prompt] into an empty context and runs [decodeTokens] tokens one by one behind it. They are given and not chosen: an
 * answer of the model's own could end early, and would send the tokens of another model to other experts.
 */
public suspend fun Model.measure(prompt: IntArray, decodeTokens: Int): Stats =
    newSession().use { session ->
        session.generate(prompt, maxNewTokens = 1).collect()
        // The first call runs the chosen one, too.
        for (index in 1 until decodeTokens) session.decode(prompt[index % prompt.size])
        session.stats
    }

/**
 * Decodes given tokens without rest for [seconds], behind [prompt], and again behind it whenever the context is full.
 *
 * @param onPoint is told each [stepSeconds] how long it has lasted and the speed since the last time: decoded tokens over the
 *     time that decoding them took.
 */
public suspend fun Model.sustain(
    prompt: IntArray,
    seconds: Double,
    stepSeconds: Double,
    onPoint: (seconds: Double, tokensPerSecond: Double) -> Unit,
): Unit =
    newSession().use { session ->
        val begin = System.nanoTime()
        fun now() = (System.nanoTime() - begin) / 1e9
        var next = stepSeconds
        var tokens = 0L
        var spent = 0.0
        while (next <= seconds) {
            session.reset()
            session.prefill(prompt)
            var last = session.stats
            while (session.position < info.maxContextLen && next <= seconds) {
                session.decode(prompt[(session.position % prompt.size).toInt()])
                val stats = session.stats
                tokens += stats.decodeTokens - last.decodeTokens
                spent += stats.decodeSeconds - last.decodeSeconds
                last = stats
                if (now() < next) continue
                onPoint(now(), tokens / spent)
                tokens = 0
                spent = 0.0
                while (next <= now()) next += stepSeconds
            }
        }
    }

/** Milliseconds until an artifact can answer: the model is mapped and looked through, and a session is open. */
public suspend fun loadMillis(folder: File, threads: Int): Double =
    withContext(Dispatchers.IO) {
        val begin = System.nanoTime()
        Model.open(folder, threads).use { model ->
            model.newSession().use { _: Session -> (System.nanoTime() - begin) / 1e6 }
        }
    }

/**
 * Asks the system to forget what it keeps of a file in memory, so that a load is a cold one. Pages that are mapped stay: close
 * the models of the file first. False if the file cannot be opened or the system refuses.
 */
public fun dropFromPageCache(file: File): Boolean = Native.dropFromPageCache(file.path.encodeToByteArray())
