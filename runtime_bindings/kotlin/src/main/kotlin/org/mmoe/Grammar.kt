package org.mmoe

/** What a text must be, as the library takes it: `mmoe_grammar_kind` and its text. */
internal class Grammar private constructor(val kind: Int, val text: ByteArray) {
    companion object {
        /** @throws IllegalArgumentException both are there. */
        fun of(jsonSchema: String?, grammar: String?): Grammar {
            require(jsonSchema == null || grammar == null) { "give jsonSchema or grammar, not both" }
            return when {
                jsonSchema != null -> Grammar(1, jsonSchema.encodeToByteArray())
                grammar != null -> Grammar(2, grammar.encodeToByteArray())
                else -> Grammar(0, ByteArray(0))
            }
        }
    }
}
