package org.mmoe.app

import android.app.AlertDialog
import android.content.ClipData
import android.content.ClipboardManager
import android.content.Context
import android.content.Intent
import android.view.View
import android.widget.Button
import android.widget.LinearLayout
import android.widget.TextView
import org.mmoe.markdown.StreamedMarkdown

/** A message and its answer, made from layout/turn.xml. */
class TurnView(val root: View, prompt: String, running: Boolean, private val words: Words) {
    private val context: Context = root.context
    private val answer = StreamedMarkdown(BlockViews(root.findViewById<LinearLayout>(R.id.answer), speaking = running))
    private val figures = root.findViewById<Button>(R.id.figures)
    private var shown: Turn? = null

    init {
        root.findViewById<TextView>(R.id.said).text = prompt
    }

    fun show(turn: Turn, leftOut: Boolean) {
        visible(R.id.left_out, leftOut)
        if (turn == shown) return
        shown = turn
        val ended = turn.end != TurnEnd.RUNNING
        answer.show(turn.answer, ended)
        val end = turn.end.text(words)
        root.findViewById<TextView>(R.id.end).text = end
        visible(R.id.end, end.isNotEmpty())
        visible(R.id.actions, ended && (turn.answer.isNotEmpty() || turn.figures != null))
        figures.visibility = if (turn.figures == null) View.GONE else View.VISIBLE
        if (!ended) return
        root.findViewById<View>(R.id.copy).setOnClickListener { copy(turn.answer) }
        root.findViewById<View>(R.id.share).setOnClickListener { share(turn.answer) }
        turn.figures?.let { found ->
            figures.text = rate(found.stats.decodeTokensPerSecond)
            figures.setOnClickListener { explain(found) }
        }
    }

    private fun visible(id: Int, visible: Boolean) {
        root.findViewById<View>(id).visibility = if (visible) View.VISIBLE else View.GONE
    }

    private fun copy(text: String) {
        val clipboard = context.getSystemService(ClipboardManager::class.java)
        clipboard.setPrimaryClip(ClipData.newPlainText(words.text(R.string.copy), text))
    }

    private fun share(text: String) {
        val send = Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, text)
        context.startActivity(Intent.createChooser(send, null))
    }

    private fun explain(figures: Figures) {
        AlertDialog.Builder(context)
            .setTitle(R.string.figures_title)
            .setMessage(figures.text(words))
            .setPositiveButton(android.R.string.ok, null)
            .show()
    }
}
