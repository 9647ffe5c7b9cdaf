package org.mmoe.app

import kotlin.test.Test
import kotlin.test.assertEquals

class LanguagesTest {
    private val arguments = Regex("""%(\d)\$([ds])""")

    /** One that is missing would be English in the middle of another language. */
    @Test
    fun everyLanguageHasEveryTextWithItsArguments() {
        assertEquals(listOf("values", "values-de"), Resources.languages)
        val english = Resources.strings("values").mapValues { (_, text) -> arguments.findAll(text).map { it.value }.toSet() }
        for (language in Resources.languages) {
            val texts = Resources.strings(language)
            assertEquals(english, texts.mapValues { (_, text) -> arguments.findAll(text).map { it.value }.toSet() }, language)
            assertEquals(emptyList(), texts.filterValues { it.isBlank() }.keys.toList(), language)
        }
    }
}
