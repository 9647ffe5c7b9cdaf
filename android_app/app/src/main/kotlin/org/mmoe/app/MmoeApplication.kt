package org.mmoe.app

import android.app.ActivityManager
import android.app.Application
import android.util.Log
import java.io.File
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import org.mmoe.download.Catalogue

/** Holds the app's model, which outlives activities and so survives rotation. */
class MmoeApplication : Application() {
    val mainScope: CoroutineScope by lazy { CoroutineScope(SupervisorJob() + mainExecutor.asCoroutineDispatcher()) }

    // The external folder is as private to the app and as mappable, and `adb push` reaches it.
    private val store by lazy { ArtifactStore(getExternalFilesDir("artifacts") ?: getDir("artifacts", MODE_PRIVATE)) }

    val appModel: AppModel by lazy {
        AppModel(
            engine = MmoeEngine,
            store = store,
            kept = Kept(File(noBackupFilesDir, "kept")),
            scope = mainScope,
            phone = AndroidPhone(this),
            benchmarkText = { asset("held_out.txt") },
            log = { Log.i(TAG, it) },
        )
    }

    val downloads: Downloads by lazy {
        val models = Catalogue.read(asset("catalogue.json"), "the built-in catalogue")
        Downloads(store, mainScope, models) { appModel.arrived() }
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        if (level == TRIM_MEMORY_UI_HIDDEN) appModel.background()
        val pressure = pressureOf(level, ::systemIsShort)
        if (pressure != Pressure.NONE) appModel.releaseMemory(all = pressure == Pressure.ALL)
    }

    private fun asset(name: String): String = assets.open(name).use { it.readBytes().decodeToString() }

    private fun systemIsShort(): Boolean {
        val memory = ActivityManager.MemoryInfo()
        getSystemService(ActivityManager::class.java).getMemoryInfo(memory)
        return memory.lowMemory
    }

    private companion object {
        const val TAG = "mmoe"
    }
}
