package org.mmoe.app

import android.graphics.Typeface
import android.text.SpannableString
import android.text.Spanned
import android.text.method.LinkMovementMethod
import android.text.style.LeadingMarginSpan
import android.text.style.StyleSpan
import android.text.style.TypefaceSpan
import android.text.style.URLSpan
import android.view.LayoutInflater
import android.view.View
import android.widget.LinearLayout
import android.widget.TextView
import org.mmoe.markdown.Block
import org.mmoe.markdown.BlockTarget
import org.mmoe.markdown.Inline
import org.mmoe.markdown.Style

/**
 * Blocks as the rows of [column].
 *
 * @param speaking a screen reader says a block when it is complete. One that goes on would be begun again with each token.
 */
class BlockViews(private val column: LinearLayout, private val speaking: Boolean) : BlockTarget {
    private val inflater = LayoutInflater.from(column.context)
    private val density = column.resources.displayMetrics.density

    override fun show(index: Int, block: Block, closed: Boolean) {
        val layout = when (block) {
            is Block.Code -> R.layout.block_code
            Block.Rule -> R.layout.block_rule
            else -> R.layout.block_text
        }
        var view = column.getChildAt(index)
        if (view?.tag != layout) {
            if (view != null) column.removeViewAt(index)
            view = inflater.inflate(layout, column, false)
            view.tag = layout
            column.addView(view, index)
        }
        if (speaking) view.accessibilityLiveRegion = if (closed) View.ACCESSIBILITY_LIVE_REGION_POLITE else View.ACCESSIBILITY_LIVE_REGION_NONE
        when (block) {
            is Block.Paragraph -> text(view as TextView, styled(block.text), block.depth)
            is Block.Heading -> heading(view as TextView, block)
            is Block.Item -> item(view as TextView, block)
            is Block.Quote -> text(view as TextView, styled(block.text).apply { setSpan(StyleSpan(Typeface.ITALIC), 0, length, WHOLE) }, 1)
            is Block.Code -> view.findViewById<TextView>(R.id.code).text = block.text
            Block.Rule -> Unit
        }
    }

    override fun cut(count: Int) {
        if (column.childCount > count) column.removeViews(count, column.childCount - count)
    }

    /** Also of a view that was something else as long as its line was not complete. */
    private fun text(view: TextView, text: CharSequence, depth: Int, size: Float = TEXT_SIZE, heading: Boolean = false) {
        view.text = text
        view.textSize = size
        view.setAccessibilityHeading(heading)
        view.movementMethod = LinkMovementMethod.getInstance()
        view.setPaddingRelative(pixels(depth * INDENT), view.paddingTop, 0, view.paddingBottom)
    }

    private fun heading(view: TextView, block: Block.Heading) {
        val bold = styled(block.text).apply { setSpan(StyleSpan(Typeface.BOLD), 0, length, WHOLE) }
        text(view, bold, 0, HEADING_SIZES[block.level - 1], heading = true)
    }

    private fun item(view: TextView, block: Block.Item) {
        val mark = "${block.marker}\u2002"
        val hanging = LeadingMarginSpan.Standard(0, view.paint.measureText(mark).toInt())
        text(view, styled(block.text, mark).apply { setSpan(hanging, 0, length, WHOLE) }, block.depth + 1)
    }

    private fun styled(inline: Inline, front: String = ""): SpannableString {
        val text = SpannableString(front + inline.text)
        for (span in inline.spans) {
            val style = when (span.style) {
                Style.STRONG -> StyleSpan(Typeface.BOLD)
                Style.EMPHASIS -> StyleSpan(Typeface.ITALIC)
                Style.CODE -> TypefaceSpan("monospace")
                Style.LINK -> URLSpan(span.target)
            }
            text.setSpan(style, front.length + span.start, front.length + span.end, WHOLE)
        }
        return text
    }

    private fun pixels(dp: Int): Int = (dp * density).toInt()

    private companion object {
        const val WHOLE = Spanned.SPAN_EXCLUSIVE_EXCLUSIVE
        const val TEXT_SIZE = 16f
        const val INDENT = 12
        val HEADING_SIZES = listOf(22f, 20f, 18f, 17f, 16f, 16f)
    }
}
