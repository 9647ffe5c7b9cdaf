package org.mmoe.app

/**
 * Whether one of ComponentCallbacks2's levels says that memory is short. From API 34 on the system sends only UI_HIDDEN and
 * BACKGROUND, which say that another app is in front; whether memory is short as well, it has to be asked: [systemIsShort].
 */
fun isMemoryShort(level: Int, systemIsShort: () -> Boolean): Boolean =
    level == RUNNING_CRITICAL || level > BACKGROUND || (level == BACKGROUND && systemIsShort())

private const val RUNNING_CRITICAL = 15
private const val BACKGROUND = 40
