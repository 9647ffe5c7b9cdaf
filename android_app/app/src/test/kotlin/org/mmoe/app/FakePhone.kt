package org.mmoe.app

import org.mmoe.benchmark.Device

/** A phone that is as hot as the test makes it. */
class FakePhone : Phone {
    var heat = Thermal.NONE

    override val device = Device("a phone", "a chip", "Android", cores = 8, memoryBytes = 8_000_000_000)

    override fun thermal() = heat

    override fun battery() = Battery(80, charging = false)
}
