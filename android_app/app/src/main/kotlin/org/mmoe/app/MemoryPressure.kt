package org.mmoe.app

/** What one of ComponentCallbacks2's levels asks for. */
enum class Pressure { NONE, CACHE, ALL }

/**
 * To be in the background is no shortage of memory. From API 34 on the system sends only UI_HIDDEN and BACKGROUND, which say
 * that another app is in front; whether memory is short as well, it has to be asked: [systemIsShort]. At COMPLETE the process
 * is among the next that are ended.
 */
fun pressureOf(level: Int, systemIsShort: () -> Boolean): Pressure =
    when {
        level >= COMPLETE -> Pressure.ALL
        level == RUNNING_CRITICAL || level > BACKGROUND || (level == BACKGROUND && systemIsShort()) -> Pressure.CACHE
        else -> Pressure.NONE
    }

private const val RUNNING_CRITICAL = 15
private const val BACKGROUND = 40
private const val COMPLETE = 80
