package org.mmoe.app

/**
 * Whether a text that grows is followed: as long as its reader is at its end. Who has scrolled back reads there, and is left
 * alone until the end is in sight again.
 *
 * @param slop how far from the end still counts as at it, pixels.
 */
class Following(private val slop: Int) {
    var following = true
        private set

    /** The reader, or whoever followed for them, is at [offset] of [content], of which [viewport] can be seen; pixels. */
    fun scrolled(offset: Int, viewport: Int, content: Int) {
        following = offset + viewport >= content - slop
    }

    /** The reader wants to see what comes next. */
    fun toEnd() {
        following = true
    }
}
