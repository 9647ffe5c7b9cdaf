package org.mmoe.benchmark

/** What the tokens of a prompt are. */
public enum class PromptKind(internal val id: String) {
    /** Text of people, from its beginning and over again. */
    TEXT("text"),

    /** One sentence with changing slots, over and over, as speed is often measured with: it meets fewer experts. */
    TEMPLATED("templated"),
}

/** A prompt of [tokens] tokens, behind which as many are decoded as the protocol has. */
public data class PlannedPrompt(public val kind: PromptKind, public val tokens: Int)

/**
 * The measurements of the MobileMoE paper on phones: prompts of 256, 1,024, 4,096 and 8,192 tokens and 128 decoded ones behind
 * each, three times. Beside them the two short prompts as templated text.
 */
public object Protocol {
    public val LENGTHS: List<Int> = listOf(256, 1024, 4096, 8192)
    public const val DECODE_TOKENS: Int = 128
    public const val ROUNDS: Int = 3

    /** How long the mode lasts that shows what heat does to the speed, and how often it tells the speed; seconds. */
    public const val SUSTAINED_SECONDS: Double = 600.0
    public const val SUSTAINED_STEP_SECONDS: Double = 5.0
    private val TEMPLATED_LENGTHS = LENGTHS.take(2)

    /**
     * What a context of [contextLen] tokens holds together with the decoded ones. A prompt that fills the context alone is
     * shortened to leave room: 8,192 of 8,192 becomes 8,064.
     */
    public fun prompts(contextLen: Int): List<PlannedPrompt> =
        planned(PromptKind.TEXT, LENGTHS, contextLen) + planned(PromptKind.TEMPLATED, TEMPLATED_LENGTHS, contextLen)

    /** Lengths of the protocol that a context of [contextLen] tokens does not hold. */
    public fun notFitting(contextLen: Int): List<Int> = LENGTHS.filter { it > contextLen }

    private fun planned(kind: PromptKind, lengths: List<Int>, contextLen: Int): List<PlannedPrompt> =
        lengths.filter { it <= contextLen }
            .map { PlannedPrompt(kind, minOf(it, contextLen - DECODE_TOKENS)) }
            .filter { it.tokens > 0 }

    /** The first [count] of [ids], which start again where they end. */
    public fun prompt(ids: IntArray, count: Int): IntArray = IntArray(count) { ids[it % ids.size] }

    /** Templated text; a few hundred different sentences. */
    public fun templatedText(): String = buildString {
        val names = listOf("Anna", "Ben", "Chen", "Dora", "Emil", "Farah", "Goran")
        val things = listOf("apples", "books", "coins", "pens", "stamps")
        for (index in 0 until TEMPLATED_SENTENCES) {
            val name = names[index % names.size]
            val thing = things[index % things.size]
            append("Question: $name has ${2 + index % 11} $thing and buys ${3 + index % 13} more. How many $thing does $name have? ")
            append("Answer: ${5 + index % 11 + index % 13}.\n")
        }
    }

    private const val TEMPLATED_SENTENCES = 385
}
