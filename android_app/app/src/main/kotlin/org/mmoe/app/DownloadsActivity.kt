package org.mmoe.app

import android.app.Activity
import android.content.pm.PackageManager
import android.os.Build
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ProgressBar
import android.widget.TextView
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch

/** Where artifacts come from: an address, and what is on its way. */
class DownloadsActivity : Activity() {
    private val app get() = application as MmoeApplication
    private var showing: Job? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_downloads)
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

    private fun typed(id: Int): String = findViewById<EditText>(id).text.toString()

    /** Runs [start], and what a download needs of the system, if that has started one. */
    private fun started(start: () -> Unit) {
        start()
        if (app.downloads.state.value.running == null) return
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU && checkSelfPermission(NOTIFICATIONS) != PackageManager.PERMISSION_GRANTED) {
            requestPermissions(arrayOf(NOTIFICATIONS), 0)
        }
        DownloadService.start(this)
    }

    private fun show(state: DownloadsState) {
        text(R.id.refusal, state.refusal.orEmpty())
        val rows = findViewById<LinearLayout>(R.id.downloads)
        while (rows.childCount > state.downloads.size) rows.removeViewAt(rows.childCount - 1)
        while (rows.childCount < state.downloads.size) rows.addView(layoutInflater.inflate(R.layout.download, rows as ViewGroup, false))
        state.downloads.forEachIndexed { index, download -> show(rows.getChildAt(index), download) }
    }

    private fun show(row: View, download: Download) {
        row.findViewById<TextView>(R.id.name).text = download.name
        row.findViewById<TextView>(R.id.state).text = when {
            download.problem != null -> download.problem
            download.totalBytes == 0L -> download.address
            else -> getString(R.string.copied, megabytes(download.doneBytes), megabytes(download.totalBytes))
        }
        val bar = row.findViewById<ProgressBar>(R.id.progress)
        bar.visibility = if (download.running || download.totalBytes > 0) View.VISIBLE else View.INVISIBLE
        bar.isIndeterminate = download.running && download.totalBytes == 0L
        bar.progress = DownloadService.share(download, bar.max)
        val toggle = row.findViewById<Button>(R.id.toggle)
        toggle.text = getString(if (download.running) R.string.pause else R.string.resume)
        toggle.setOnClickListener {
            if (download.running) app.downloads.pause() else started { app.downloads.resume(download.name, typed(R.id.token)) }
        }
        row.findViewById<Button>(R.id.remove).setOnClickListener { app.downloads.delete(download.name) }
    }

    private companion object {
        const val NOTIFICATIONS = "android.permission.POST_NOTIFICATIONS"
    }
}
