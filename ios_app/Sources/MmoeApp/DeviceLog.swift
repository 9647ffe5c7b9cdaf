import Foundation

/// How hot the device says it is, in the words and numbers of `ProcessInfo.ThermalState`.
public enum Thermal: Int, Sendable {
  case nominal, fair, serious, critical

  /// As the benchmark's report has it.
  public var name: String { "\(self)" }
  /// The system slows the processor down.
  public var throttles: Bool { self == .serious || self == .critical }
}

/// What the system did that changes figures or ends work.
public struct DeviceEvent: Equatable, Sendable, Identifiable {
  public enum Kind: Equatable, Sendable {
    case thermal(Thermal)
    case memoryWarning
    case background
    case foreground
  }

  public let id: Int
  public let time: Date
  public let kind: Kind
}

/// The last events, the oldest first.
public struct DeviceLog: Sendable {
  static let most = 200
  public private(set) var events: [DeviceEvent] = []
  private var count = 0

  mutating func note(_ kind: DeviceEvent.Kind, at time: Date = Date()) {
    events.append(DeviceEvent(id: count, time: time, kind: kind))
    count += 1
    if events.count > Self.most { events.removeFirst() }
  }
}
