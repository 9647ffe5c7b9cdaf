package org.mmoe.app

import android.app.Activity
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch

/** A screen that shows the app's state while it is visible. */
abstract class StateActivity : Activity() {
    private val holder get() = application as MmoeApplication
    private var showing: Job? = null

    protected val appModel: AppModel get() = holder.appModel

    protected val words: Words = Words { id, arguments -> getString(id, *arguments) }

    protected abstract fun show(state: AppState)

    override fun onStart() {
        super.onStart()
        appModel.foreground()
        showing = holder.mainScope.launch { appModel.state.collect(::show) }
    }

    override fun onStop() {
        showing?.cancel()
        super.onStop()
    }
}
