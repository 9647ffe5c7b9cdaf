package org.mmoe.app

import android.app.Activity
import android.os.Bundle
import android.widget.EditText

/** How the model answers. It is kept when the screen is left; a field with something impossible says so, and counts as empty. */
class SettingsActivity : Activity() {
    private val app get() = application as MmoeApplication

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_settings)
        val settings = app.appModel.state.value.settings
        for ((field, id) in FIELDS) {
            if (savedInstanceState == null) view(id).setText(settings.text(field))
            view(id).setOnFocusChangeListener { _, focused -> if (!focused) check() }
        }
    }

    private fun typed() = Settings.of(FIELDS.mapValues { (_, id) -> view(id).text.toString() })

    private fun check() {
        val wrong = typed().wrong
        for ((field, id) in FIELDS) view(id).error = if (field in wrong) getString(R.string.wrong_value) else null
    }

    override fun onPause() {
        app.appModel.choose(typed().settings)
        super.onPause()
    }

    private fun view(id: Int): EditText = findViewById(id)

    private companion object {
        val FIELDS = mapOf(
            Settings.Field.SYSTEM to R.id.system,
            Settings.Field.TEMPERATURE to R.id.temperature,
            Settings.Field.TOP_P to R.id.top_p,
            Settings.Field.TOP_K to R.id.top_k,
            Settings.Field.SEED to R.id.seed,
            Settings.Field.MAX_TOKENS to R.id.max_tokens,
        )
    }
}
