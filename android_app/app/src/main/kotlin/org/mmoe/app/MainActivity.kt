package org.mmoe.app

import android.content.Intent
import android.os.Bundle
import android.view.View
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.EditText
import android.widget.ProgressBar
import android.widget.ScrollView
import android.widget.Spinner

/** Choose an artifact, say something, watch the answer and its figures. */
class MainActivity : StateActivity() {
    private lateinit var artifacts: Spinner
    private lateinit var threads: Spinner
    private lateinit var prompt: EditText
    private var shownArtifacts: List<String> = emptyList()

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_main)
        artifacts = findViewById(R.id.artifacts)
        threads = findViewById(R.id.threads)
        prompt = findViewById(R.id.prompt)
        threads.adapter = adapter(
            THREADS.map { if (it == 0) getString(R.string.threads_auto) else getString(R.string.threads, it) },
        )
        onClick(R.id.pick) { startActivityForResult(Intent(Intent.ACTION_OPEN_DOCUMENT_TREE), PICK) }
        onClick(R.id.open) { chosenArtifact()?.let { appModel.open(it, chosenThreads()) } }
        onClick(R.id.delete) { chosenArtifact()?.let(appModel::delete) }
        onClick(R.id.restart) { appModel.newConversation() }
        onClick(R.id.benchmark) { startActivity(Intent(this, BenchmarkActivity::class.java)) }
        onClick(R.id.download) { startActivity(Intent(this, DownloadsActivity::class.java)) }
        onClick(R.id.stop) { appModel.stop() }
        onClick(R.id.send) { send() }
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val folder = data?.data
        if (requestCode == PICK && resultCode == RESULT_OK && folder != null) {
            appModel.import(DocumentTree(contentResolver, folder), chosenThreads())
        }
    }

    override fun show(state: AppState) {
        if (state.artifacts != shownArtifacts) {
            shownArtifacts = state.artifacts
            artifacts.adapter = adapter(state.artifacts)
        }
        text(R.id.status, state.statusText(words))
        text(R.id.notice, state.noticeText(words))
        text(R.id.transcript, state.transcriptText())
        text(R.id.figures, state.figures?.text(words).orEmpty())
        findViewById<ProgressBar>(R.id.progress).show(state.work)
        for (id in STARTERS) findViewById<Button>(id).isEnabled = state.canStart
        for (id in RUNNERS) findViewById<Button>(id).isEnabled = state.canRun
        findViewById<Button>(R.id.stop).isEnabled = !state.canStart
        if (state.work is Work.Decode) findViewById<ScrollView>(R.id.scroll).fullScroll(View.FOCUS_DOWN)
    }

    private fun send() {
        val text = prompt.text.toString()
        if (text.isBlank()) return
        prompt.text.clear()
        appModel.send(text)
    }

    private fun chosenArtifact(): String? = artifacts.selectedItem as String?

    private fun chosenThreads(): Int = THREADS[threads.selectedItemPosition]

    private fun adapter(items: List<String>) = ArrayAdapter(this, android.R.layout.simple_spinner_dropdown_item, items)

    private companion object {
        const val PICK = 1
        val THREADS = listOf(0, 1, 2, 3, 4, 6, 8)
        val STARTERS = listOf(R.id.pick, R.id.open, R.id.delete)
        val RUNNERS = listOf(R.id.send, R.id.restart, R.id.benchmark)
    }
}
