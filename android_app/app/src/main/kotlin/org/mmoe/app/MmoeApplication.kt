package org.mmoe.app

import android.app.ActivityManager
import android.app.Application
import android.os.Build
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher

/** Holds the app's model, which outlives activities and so survives rotation. */
class MmoeApplication : Application() {
    val mainScope: CoroutineScope by lazy { CoroutineScope(SupervisorJob() + mainExecutor.asCoroutineDispatcher()) }

    // The external folder is as private to the app and as mappable, and `adb push` reaches it.
    private val store by lazy { ArtifactStore(getExternalFilesDir("artifacts") ?: getDir("artifacts", MODE_PRIVATE)) }

    val appModel: AppModel by lazy {
        AppModel(
            engine = MmoeEngine,
            store = store,
            scope = mainScope,
            device = Device(
                name = "${Build.MANUFACTURER} ${Build.MODEL}",
                soc = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) Build.SOC_MODEL else Build.HARDWARE,
                system = "Android ${Build.VERSION.RELEASE}",
            ),
            benchmarkText = { assets.open("held_out.txt").use { it.readBytes().decodeToString() } },
        )
    }

    val downloads: Downloads by lazy { Downloads(store, mainScope) { appModel.arrived() } }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        if (isMemoryShort(level, ::systemIsShort)) appModel.releaseMemory()
    }

    private fun systemIsShort(): Boolean {
        val memory = ActivityManager.MemoryInfo()
        getSystemService(ActivityManager::class.java).getMemoryInfo(memory)
        return memory.lowMemory
    }
}
