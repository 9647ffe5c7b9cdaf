package org.mmoe.benchmark

/** JSON of maps, lists, strings, numbers, booleans and null. (Android's own org.json is not there on a JVM.) */
internal fun json(value: Any?): String =
    when (value) {
        is Map<*, *> ->
            value.entries.joinToString(",", "{", "}") { (key, each) -> "${quoted(key.toString())}:${json(each)}" }
        is List<*> -> value.joinToString(",", "[", "]", transform = ::json)
        is Double -> if (value.isFinite()) value.toString() else "null"
        is Number, is Boolean, null -> value.toString()
        else -> quoted(value.toString())
    }

private fun quoted(text: String): String =
    text.asIterable().joinToString("", "\"", "\"") {
        when {
            it == '"' || it == '\\' -> "\\$it"
            it < ' ' -> "\\u%04x".format(it.code)
            else -> it.toString()
        }
    }
