package org.mmoe.app

import android.content.Intent
import android.os.Bundle
import android.view.Menu
import android.view.MenuItem
import android.view.View
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ProgressBar
import android.widget.ScrollView

/** The conversation. */
class MainActivity : StateActivity() {
    private lateinit var prompt: EditText
    private lateinit var scroll: ScrollView
    private lateinit var transcript: LinearLayout
    private lateinit var following: Following
    private val turns = mutableListOf<TurnView>()
    private var shownConversation = -1

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_main)
        prompt = findViewById(R.id.prompt)
        scroll = findViewById(R.id.scroll)
        transcript = findViewById(R.id.transcript)
        following = Following((resources.displayMetrics.density * SLOP_DP).toInt())
        scroll.setOnScrollChangeListener { _, _, offset, _, _ ->
            following.scrolled(offset, scroll.height, transcript.height)
            showWayToEnd()
        }
        // After a layout, when the height of what has come is known, and also when the keyboard takes room.
        val keepEnd = View.OnLayoutChangeListener { _, _, _, _, _, _, _, _, _ -> follow() }
        transcript.addOnLayoutChangeListener(keepEnd)
        scroll.addOnLayoutChangeListener(keepEnd)
        onClick(R.id.to_end) { toEnd() }
        onClick(R.id.send) { if (appModel.state.value.canStart) send() else appModel.stop() }
        appModel.restore()
    }

    override fun onCreateOptionsMenu(menu: Menu): Boolean {
        menuInflater.inflate(R.menu.main, menu)
        return true
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        when (item.itemId) {
            R.id.restart -> appModel.newConversation()
            R.id.models -> startActivity(Intent(this, ModelsActivity::class.java))
            R.id.settings -> startActivity(Intent(this, SettingsActivity::class.java))
            R.id.benchmark -> startActivity(Intent(this, BenchmarkActivity::class.java))
            else -> return super.onOptionsItemSelected(item)
        }
        return true
    }

    override fun show(state: AppState) {
        text(R.id.status, state.statusText(words))
        text(R.id.notice, state.noticeText(words))
        findViewById<ProgressBar>(R.id.progress).show(state.work)
        val send = findViewById<Button>(R.id.send)
        send.isEnabled = if (state.canStart) state.canRun else state.work != Work.Stopping
        text(R.id.send, words.text(if (state.canStart) R.string.send else R.string.stop))
        showTranscript(state)
    }

    private fun showTranscript(state: AppState) {
        if (state.conversation != shownConversation) {
            shownConversation = state.conversation
            transcript.removeAllViews()
            turns.clear()
        }
        state.transcript.forEachIndexed { index, turn ->
            if (index == turns.size) {
                val view = layoutInflater.inflate(R.layout.turn, transcript, false)
                turns += TurnView(view, turn.prompt, running = turn.end == TurnEnd.RUNNING, words)
                transcript.addView(view)
            }
            turns[index].show(turn, leftOut = index == state.lastLeftOut)
        }
    }

    private fun send() {
        val text = prompt.text.toString()
        if (text.isBlank()) return
        prompt.text.clear()
        toEnd()
        appModel.send(text)
    }

    private fun toEnd() {
        following.toEnd()
        follow()
    }

    private fun follow() {
        if (following.following) scroll.scrollTo(0, transcript.height)
        showWayToEnd()
    }

    private fun showWayToEnd() {
        findViewById<View>(R.id.to_end).visibility = if (following.following) View.GONE else View.VISIBLE
    }

    private companion object {
        const val SLOP_DP = 48
    }
}
