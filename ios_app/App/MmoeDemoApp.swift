import MmoeApp
import SwiftUI

@main
struct MmoeDemoApp: App {
  @State private var model = AppModel(
    store: ArtifactStore(root: URL.documentsDirectory.appending(path: "artifacts")),
    benchmarkText: Bundle.main.url(forResource: "held_out", withExtension: "txt")
      .flatMap { try? String(contentsOf: $0, encoding: .utf8) } ?? "In the beginning God created the heaven.")

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
        actions: {}, message: { Text(model.failure ?? "") }
      )
      .onReceive(
        NotificationCenter.default.publisher(for: UIApplication.didReceiveMemoryWarningNotification)
      ) { _ in model.releaseMemory() }
    }
  }
}
