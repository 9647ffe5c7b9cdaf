import Foundation

/// What the app runs on; the screens know how to ask.
public struct Device: Sendable, Equatable {
  public let name: String
  public let soc: String
  public let system: String
  public let cores: Int
  public let memoryBytes: UInt64
  /// 0 to 1, and whether it is connected to power; nil for what the device does not tell.
  let battery: @MainActor @Sendable () -> (level: Double?, charging: Bool?)
  /// Whether `AppModel.thermalChanged` is told.
  let knowsThermal: Bool

  public init(
    name: String, soc: String, system: String, knowsThermal: Bool = true,
    battery: @escaping @MainActor @Sendable () -> (level: Double?, charging: Bool?)
  ) {
    (self.name, self.soc, self.system) = (name, soc, system)
    (self.knowsThermal, self.battery) = (knowsThermal, battery)
    cores = ProcessInfo.processInfo.activeProcessorCount
    memoryBytes = ProcessInfo.processInfo.physicalMemory
  }

  public static func == (a: Device, b: Device) -> Bool { (a.name, a.soc, a.system) == (b.name, b.soc, b.system) }
}
