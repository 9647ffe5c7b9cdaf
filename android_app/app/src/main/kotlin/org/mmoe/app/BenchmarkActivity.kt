package org.mmoe.app

import android.content.Intent
import android.os.Bundle
import android.widget.Button
import android.widget.ProgressBar
import java.io.IOException

/** Runs the protocol, shows its rows and saves them as JSON. */
class BenchmarkActivity : StateActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_benchmark)
        onClick(R.id.run) { appModel.benchmark() }
        onClick(R.id.stop) { appModel.stop() }
        onClick(R.id.export) {
            val create = Intent(Intent.ACTION_CREATE_DOCUMENT)
                .addCategory(Intent.CATEGORY_OPENABLE)
                .setType("application/json")
                .putExtra(Intent.EXTRA_TITLE, "mmoe-benchmark.json")
            startActivityForResult(create, EXPORT)
        }
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val target = data?.data
        val report = appModel.state.value.benchmark
        if (requestCode != EXPORT || resultCode != RESULT_OK || target == null || report == null) return
        val said = try {
            contentResolver.openOutputStream(target, "wt")?.use { it.write(report.toJson().encodeToByteArray()) }
            getString(R.string.exported)
        } catch (error: IOException) {
            getString(R.string.not_exported, error.message)
        }
        text(R.id.exported, said)
    }

    override fun show(state: AppState) {
        text(R.id.status, state.statusText(words))
        text(R.id.notice, state.notice.orEmpty())
        text(R.id.rows, state.benchmark?.text(words).orEmpty())
        findViewById<ProgressBar>(R.id.progress).show(state.work)
        findViewById<Button>(R.id.run).isEnabled = state.canRun
        findViewById<Button>(R.id.stop).isEnabled = !state.canStart
        findViewById<Button>(R.id.export).isEnabled = state.benchmark != null
    }

    private companion object {
        const val EXPORT = 2
    }
}
