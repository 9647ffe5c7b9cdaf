package org.mmoe.app

import android.content.Intent
import android.content.pm.PackageManager
import android.os.Build
import android.os.Bundle
import android.view.View
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ProgressBar
import android.widget.Spinner
import android.widget.TextView
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import org.mmoe.download.CatalogueEntry

/** The artifacts of the app's storage, and where more come from: a folder, an address, the catalogue. */
class ModelsActivity : StateActivity() {
    private val app get() = application as MmoeApplication
    private var showing: Job? = null
    private lateinit var threads: Spinner

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_models)
        threads = findViewById(R.id.threads)
        val counts = THREADS.map { if (it == 0) getString(R.string.threads_auto) else getString(R.string.threads, it) }
        threads.adapter = ArrayAdapter(this, android.R.layout.simple_spinner_dropdown_item, counts)
        onClick(R.id.pick) { startActivityForResult(Intent(Intent.ACTION_OPEN_DOCUMENT_TREE), PICK) }
        onClick(R.id.start) { started { app.downloads.add(typed(R.id.address), typed(R.id.token)) } }
    }

    override fun onStart() {
        super.onStart()
        showing = app.mainScope.launch { app.downloads.state.collect(::show) }
    }

    override fun onStop() {
        showing?.cancel()
        super.onStop()
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val folder = data?.data
        if (requestCode == PICK && resultCode == RESULT_OK && folder != null) {
            appModel.import(DocumentTree(contentResolver, folder), chosenThreads())
        }
    }

    override fun show(state: AppState) {
        text(R.id.status, state.statusText(words))
        text(R.id.notice, state.noticeText(words))
        findViewById<ProgressBar>(R.id.progress).show(state.work)
        findViewById<Button>(R.id.pick).isEnabled = state.canStart
        rows(R.id.artifacts, R.layout.model, state.artifacts) { row, name ->
            row.findViewById<TextView>(R.id.name).text = name
            button(row, R.id.open, state.canStart) { appModel.open(name, chosenThreads()) }
            button(row, R.id.delete, state.canStart) { appModel.delete(name) }
        }
    }

    private fun show(state: DownloadsState) {
        text(R.id.refusal, state.refusal.orEmpty())
        rows(R.id.downloads, R.layout.download, state.downloads, ::show)
        rows(R.id.catalogue, R.layout.catalogue_entry, state.catalogue, ::show)
    }

    private fun show(row: View, entry: CatalogueEntry) {
        row.findViewById<TextView>(R.id.entry).text = entry.name
        row.findViewById<TextView>(R.id.about).text = entry.text(words)
        val address = entry.address
        button(row, R.id.get, true) { started { app.downloads.add(address.orEmpty(), typed(R.id.token)) } }
        row.findViewById<View>(R.id.get).visibility = if (address == null) View.GONE else View.VISIBLE
    }

    private fun show(row: View, download: Download) {
        row.findViewById<TextView>(R.id.download_name).text = download.name
        row.findViewById<TextView>(R.id.state).text = when {
            download.problem != null -> download.problem
            download.totalBytes == 0L -> download.address
            else -> getString(R.string.copied, megabytes(download.doneBytes), megabytes(download.totalBytes))
        }
        val bar = row.findViewById<ProgressBar>(R.id.came)
        bar.visibility = if (download.running || download.totalBytes > 0) View.VISIBLE else View.INVISIBLE
        bar.isIndeterminate = download.running && download.totalBytes == 0L
        bar.progress = DownloadService.share(download, bar.max)
        row.findViewById<Button>(R.id.toggle).text = getString(if (download.running) R.string.pause else R.string.resume)
        button(row, R.id.toggle, true) {
            if (download.running) app.downloads.pause() else started { app.downloads.resume(download.name, typed(R.id.token)) }
        }
        button(row, R.id.remove, true) { app.downloads.delete(download.name) }
    }

    private fun typed(id: Int): String = findViewById<EditText>(id).text.toString()

    private fun chosenThreads(): Int = THREADS[threads.selectedItemPosition]

    /** Runs [start], and what a download needs of the system, if that has started one. */
    private fun started(start: () -> Unit) {
        start()
        if (app.downloads.state.value.running == null) return
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU && checkSelfPermission(NOTIFICATIONS) != PackageManager.PERMISSION_GRANTED) {
            requestPermissions(arrayOf(NOTIFICATIONS), 0)
        }
        DownloadService.start(this)
    }

    private fun <T> rows(id: Int, layout: Int, items: List<T>, show: (View, T) -> Unit) {
        val rows = findViewById<LinearLayout>(id)
        if (rows.childCount > items.size) rows.removeViews(items.size, rows.childCount - items.size)
        while (rows.childCount < items.size) rows.addView(layoutInflater.inflate(layout, rows, false))
        items.forEachIndexed { index, item -> show(rows.getChildAt(index), item) }
    }

    private fun button(row: View, id: Int, enabled: Boolean, action: () -> Unit) {
        val button = row.findViewById<Button>(id)
        button.isEnabled = enabled
        button.setOnClickListener { action() }
    }

    private companion object {
        const val PICK = 1
        const val NOTIFICATIONS = "android.permission.POST_NOTIFICATIONS"
        val THREADS = listOf(0, 1, 2, 3, 4, 6, 8)
    }
}
