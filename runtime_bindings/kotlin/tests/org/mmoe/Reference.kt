package org.mmoe

import java.io.File

/** What the tests compare with: written by .ci/kotlin with other implementations, one folder for each prompt. */
object Reference {
    class Case(private val folder: File) {
        val name: String get() = folder.name
        val prompt: String get() = File(folder, "prompt").readText()

        /** Of Hugging Face's tokenizers, without the beginning of a text. */
        val promptIds: IntArray get() = ids("prompt.ids")

        /** Of a plain C++ program without this library. */
        val greedyIds: IntArray get() = ids("greedy.ids")

        /** [greedyIds] decoded by Hugging Face's tokenizers. */
        val greedyText: String get() = File(folder, "greedy").readText()

        /** Of `mmoe-export generate` with [SAMPLING]. */
        val sampledText: String get() = File(folder, "sampled").readText()

        private fun ids(file: String) = File(folder, file).readText().trim().split(",").map { it.toInt() }.toIntArray()
    }

    const val NEW_TOKENS = 48
    val SAMPLING = Sampling(temperature = 0.8f, topK = 50, topP = 0.95f, repetitionPenalty = 1.1f, seed = 7)

    val artifact = File(System.getProperty("mmoe.artifact"))
    val cases = File(System.getProperty("mmoe.reference")).listFiles()!!.filter { it.isDirectory }.sorted().map(::Case)
}
