package org.mmoe.app

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.w3c.dom.Element

/** res/, for tests that run without Android; Gradle runs them in the module's folder. */
object Resources {
    private val folder = File(System.getProperty("mmoe.resources") ?: "src/main/res")

    /** The folders of the languages that there are. */
    val languages: List<String> = folder.list()!!.filter { File(folder, "$it/strings.xml").isFile }.sorted()

    /** Every text of a language that is to be translated, by its name. */
    fun strings(language: String): Map<String, String> {
        val found = DocumentBuilderFactory.newInstance().newDocumentBuilder()
            .parse(File(folder, "$language/strings.xml")).getElementsByTagName("string")
        return (0 until found.length).map { found.item(it) as Element }
            .filter { it.getAttribute("translatable") != "false" }
            .associate { it.getAttribute("name") to unescaped(it.textContent) }
    }

    private fun unescaped(text: String): String =
        (if (text.startsWith('"')) text.removeSurrounding("\"") else text.replace(Regex("\\s+"), " "))
            .replace("\\n", "\n").replace("\\'", "'").replace("\\\"", "\"")

    private val names = R.string::class.java.fields.associate { it.getInt(null) to it.name }
    private val english = strings("values")

    val words = Words { id, arguments -> english.getValue(names.getValue(id)).format(*arguments) }
}
