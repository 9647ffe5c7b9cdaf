package org.mmoe.app

import android.app.ActivityManager
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager
import org.mmoe.benchmark.Device

class AndroidPhone(private val context: Context) : Phone {
    private val power = context.getSystemService(PowerManager::class.java)

    override val device = Device(
        name = "${Build.MANUFACTURER} ${Build.MODEL}",
        soc = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) Build.SOC_MODEL else Build.HARDWARE,
        system = "Android ${Build.VERSION.RELEASE}",
        cores = Runtime.getRuntime().availableProcessors(),
        memoryBytes = ActivityManager.MemoryInfo().also(context.getSystemService(ActivityManager::class.java)::getMemoryInfo).totalMem,
    )

    /** Android 9 does not tell. */
    override fun thermal(): Thermal? =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) Thermal.of(power.currentThermalStatus) else null

    override fun battery(): Battery? {
        val state = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED)) ?: return null
        val level = state.getIntExtra(BatteryManager.EXTRA_LEVEL, -1)
        val scale = state.getIntExtra(BatteryManager.EXTRA_SCALE, -1)
        if (level < 0 || scale <= 0) return null
        return Battery(100 * level / scale, charging = state.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0)
    }
}
