import MmoeApp
import MmoeDownload
import SwiftUI

/// The system starts the app in the background when its downloads have ended.
final class AppDelegate: NSObject, UIApplicationDelegate {
  func application(
    _ application: UIApplication, handleEventsForBackgroundURLSession identifier: String,
    completionHandler: @escaping () -> Void
  ) {
    BackgroundEvents.handled = completionHandler
  }
}

@main
struct MmoeDemoApp: App {
  @State private var model = AppModel(
    store: ArtifactStore(root: URL.documentsDirectory.appending(path: "artifacts")),
    state: StateFolder(URL.applicationSupportDirectory.appending(path: "state")),
    device: .current,
    benchmarkText: Bundle.main.url(forResource: "held_out", withExtension: "txt")
      .flatMap { try? String(contentsOf: $0, encoding: .utf8) } ?? "In the beginning God created the heaven.")
  @UIApplicationDelegateAdaptor(AppDelegate.self) private var delegate
  @Environment(\.scenePhase) private var scenePhase

  var body: some Scene {
    WindowGroup {
      TabView {
        ChatScreen(model: model).tabItem { Label("Chat", systemImage: "text.bubble") }
        ArtifactsScreen(model: model).tabItem { Label("Models", systemImage: "shippingbox") }
        BenchmarkScreen(model: model).tabItem { Label("Benchmark", systemImage: "gauge.with.needle") }
      }
      .alert(
        "Something went wrong",
        isPresented: Binding(get: { model.failure != nil }, set: { if !$0 { model.failure = nil } }),
        actions: {}, message: { Text(verbatim: model.failure ?? "") }
      )
      .task {
        model.thermalChanged(to: .current)
        model.resume()
      }
      .onReceive(NotificationCenter.default.publisher(for: UIApplication.didReceiveMemoryWarningNotification)) { _ in
        model.memoryWarning()
      }
      .onReceive(
        NotificationCenter.default.publisher(for: ProcessInfo.thermalStateDidChangeNotification)
          .receive(on: DispatchQueue.main)
      ) { _ in
        model.thermalChanged(to: .current)
      }
    }
    .onChange(of: scenePhase) {
      switch scenePhase {
      case .background: saveInBackground()
      case .active: model.enterForeground()
      default: break
      }
    }
  }

  /// The system grants some seconds; an answer that is not ready then is stopped, and what has come of it is saved.
  private func saveInBackground() {
    let application = UIApplication.shared
    let grant = application.beginBackgroundTask { model.stop() }
    let saving = model.enterBackground()
    Task {
      await saving.value
      application.endBackgroundTask(grant)
    }
  }
}

extension Thermal {
  static var current: Thermal { Thermal(rawValue: ProcessInfo.processInfo.thermalState.rawValue) ?? .nominal }
}

extension Device {
  @MainActor static var current: Device {
    UIDevice.current.isBatteryMonitoringEnabled = true
    var size = 0
    sysctlbyname("hw.machine", nil, &size, nil, 0)
    var machine = [CChar](repeating: 0, count: max(size, 1))
    sysctlbyname("hw.machine", &machine, &size, nil, 0)
    let model = String(decoding: machine.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return Device(
      name: UIDevice.current.model, soc: model, system: "iOS " + UIDevice.current.systemVersion
    ) {
      let battery = UIDevice.current
      return (
        battery.batteryLevel < 0 ? nil : Double(battery.batteryLevel),
        battery.batteryState == .unknown ? nil : battery.batteryState != .unplugged
      )
    }
  }
}
