package org.mmoe.app

import org.mmoe.Sampling

/** What the user chose of how the model answers; null is what the artifact recommends, or no limit. */
data class Settings(
    val system: String = "",
    val temperature: Float? = null,
    val topP: Float? = null,
    val topK: Int? = null,
    val seed: Long? = null,
    val maxNewTokens: Int? = null,
) {
    fun sampling(recommended: Sampling): Sampling =
        recommended.copy(
            temperature = temperature ?: recommended.temperature,
            topP = topP ?: recommended.topP,
            topK = topK ?: recommended.topK,
            seed = seed ?: recommended.seed,
        )

    /** Whether a conversation that was begun with [other] can go on as it is: a limit is given with each message. */
    fun sameConversation(other: Settings): Boolean = copy(maxNewTokens = null) == other.copy(maxNewTokens = null)

    companion object {
        /** What was typed into the fields; a value of null in [Typed.wrong] would be no number of its range. */
        fun of(typed: Map<Field, String>): Typed {
            val texts = Field.entries.associateWith { typed[it].orEmpty().trim() }
            val wrong = Field.entries.filter { texts.getValue(it).isNotEmpty() && !it.accepts(texts.getValue(it)) }
            fun text(field: Field) = texts.getValue(field).takeIf { it.isNotEmpty() && field !in wrong }
            val settings = Settings(
                system = text(Field.SYSTEM).orEmpty(),
                temperature = text(Field.TEMPERATURE)?.toFloat(),
                topP = text(Field.TOP_P)?.toFloat(),
                topK = text(Field.TOP_K)?.toInt(),
                seed = text(Field.SEED)?.toLong(),
                maxNewTokens = text(Field.MAX_TOKENS)?.toInt(),
            )
            return Typed(settings, wrong)
        }
    }

    /** @property wrong fields with something that they cannot hold; [settings] are without it. */
    data class Typed(val settings: Settings, val wrong: List<Field>)

    fun text(field: Field): String =
        when (field) {
            Field.SYSTEM -> system
            Field.TEMPERATURE -> temperature?.toString()
            Field.TOP_P -> topP?.toString()
            Field.TOP_K -> topK?.toString()
            Field.SEED -> seed?.toString()
            Field.MAX_TOKENS -> maxNewTokens?.toString()
        }.orEmpty()

    /** The fields of the sheet, by their names in the file that keeps them. */
    enum class Field(val key: String, val accepts: (String) -> Boolean) {
        SYSTEM("system", { true }),
        TEMPERATURE("temperature", { text -> text.toFloatOrNull().let { it != null && it in 0f..10f } }),
        TOP_P("top_p", { text -> text.toFloatOrNull().let { it != null && it > 0 && it <= 1 } }),
        TOP_K("top_k", { text -> text.toIntOrNull().let { it != null && it >= 0 } }),
        SEED("seed", { it.toLongOrNull() != null }),
        MAX_TOKENS("max_tokens", { text -> text.toIntOrNull().let { it != null && it > 0 } }),
    }
}
