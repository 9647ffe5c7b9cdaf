package org.mmoe.app

import org.mmoe.benchmark.Conditions
import org.mmoe.benchmark.Device
import org.mmoe.benchmark.ThermalState

/** What is read of the device; its tests put a scripted one in the place of [AndroidPhone]. */
interface Phone {
    val device: Device

    /** Null if it does not say. */
    fun thermal(): Thermal?

    /** Null if it does not say. */
    fun battery(): Battery?
}

/** @property charging whether a charger is connected. */
data class Battery(val percent: Int, val charging: Boolean)

fun Phone.conditions(): Conditions {
    val battery = battery()
    return Conditions(thermal()?.state, battery?.let { it.percent / 100.0 }, battery?.charging)
}

/**
 * How hot the phone is, in the order of PowerManager's THERMAL_STATUS numbers; from [SEVERE] on answers get slower.
 *
 * @property state the same in the words of a benchmark's report.
 */
enum class Thermal(val state: ThermalState) {
    NONE(ThermalState.NOMINAL),
    LIGHT(ThermalState.FAIR),
    MODERATE(ThermalState.FAIR),
    SEVERE(ThermalState.SERIOUS),
    CRITICAL(ThermalState.CRITICAL),
    EMERGENCY(ThermalState.CRITICAL),
    SHUTDOWN(ThermalState.CRITICAL);

    companion object {
        fun of(status: Int): Thermal = entries.getOrElse(status) { if (status < 0) NONE else SHUTDOWN }
    }
}
