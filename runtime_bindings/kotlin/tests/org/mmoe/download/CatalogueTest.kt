package org.mmoe.download

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class CatalogueTest {
    private val where = "https://models.example/list/models.json"

    private fun read(models: String) = Catalogue.read("""{"models": $models}""", where)

    @Test
    fun aListSaysWhatCanBeHad() {
        val models = read(
            """[{"name": " A ", "address": "./A", "bytes": 5, "licence": "mit"}, {"name": "B", "base": "owner/B", "gated": true, "more": [1]},
               {"name": "C", "address": "owner/C@v2"}]""",
        )
        assertEquals(
            listOf(
                CatalogueEntry("A", "https://models.example/list/A", null, "mit", bytes = 5),
                CatalogueEntry("B", null, "owner/B", null, gated = true),
                CatalogueEntry("C", "owner/C@v2", null, null),
            ),
            models,
        )
        assertEquals(emptyList(), read("[]"))
    }

    @Test
    fun whatIsNoListIsSaid() {
        for ((text, said) in mapOf(
            "" to "no JSON",
            "[]" to "has no \"models\"",
            """{"models": {}}""" to "has no \"models\"",
            """{"models": [1]}""" to "is no object",
            """{"models": [{"address": "./A"}]}""" to "has no \"name\"",
            """{"models": [{"name": "A"}]}""" to "A has neither",
            """{"models": [{"name": "A", "address": "file:///etc/passwd"}]}""" to "A has no address",
            """{"models": [{"name": "A", "address": "nothing"}]}""" to "A has no address",
        )) {
            val error = assertFailsWith<DownloadException.NoArtifact>(text) { Catalogue.read(text, where) }
            assertTrue(where in error.message!! && said in error.message!!, error.message)
        }
    }

    @Test
    fun addressesOfListsAreNotThoseOfArtifacts() {
        val lists = listOf(where, " http://a/b.json ", "https://a/mmoe.json", "https://a/b", "owner/name.json").filter(Catalogue::isAddress)
        assertEquals(listOf(where, " http://a/b.json "), lists)
    }
}
