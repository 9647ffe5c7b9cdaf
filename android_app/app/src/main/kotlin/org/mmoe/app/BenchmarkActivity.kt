package org.mmoe.app

import android.content.Intent
import android.os.Bundle
import android.view.View
import android.widget.Button
import android.widget.ProgressBar
import java.io.IOException

/** Runs the protocol, shows its rows and the curve of the sustained mode, and saves them as JSON. */
class BenchmarkActivity : StateActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_benchmark)
        onClick(R.id.run) { appModel.benchmark(sustained = false) }
        onClick(R.id.run_sustained) { appModel.benchmark(sustained = true) }
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
        text(R.id.notice, state.noticeText(words))
        text(R.id.rows, state.benchmark?.table(words).orEmpty())
        text(R.id.facts, state.benchmark?.facts(words).orEmpty())
        findViewById<ProgressBar>(R.id.progress).show(state.work)
        findViewById<Button>(R.id.run).isEnabled = state.canRun
        findViewById<Button>(R.id.run_sustained).isEnabled = state.canRun
        findViewById<Button>(R.id.stop).isEnabled = !state.canStart
        findViewById<Button>(R.id.export).isEnabled = state.benchmark != null
        val points = state.benchmark?.sustained.orEmpty()
        val curve = findViewById<CurveView>(R.id.curve)
        curve.visibility = if (points.size < 2) View.GONE else View.VISIBLE
        curve.show(points)
        val said = state.benchmark?.curveText(words).orEmpty()
        text(R.id.curve_text, said)
        curve.contentDescription = said
    }

    private companion object {
        const val EXPORT = 2
    }
}
