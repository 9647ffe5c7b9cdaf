import MmoeApp
import SwiftUI

struct ArtifactsScreen: View {
  let model: AppModel
  @State private var picking = false
  @State private var threads = 0

  var body: some View {
    NavigationStack {
      List {
        Section("In this app") {
          ForEach(model.artifacts) { artifact in
            Button {
              model.open(artifact, threads: threads)
            } label: {
              HStack {
                Text(artifact.name)
                Text(artifact.processor.rawValue).font(.caption).foregroundStyle(.secondary)
                Spacer()
                if artifact == model.opened { Image(systemName: "checkmark") }
              }
            }
            .disabled(model.phase != .idle)
          }
        }
        DownloadsSection(downloads: model.downloads)
        Section("CPU threads") {
          Stepper(threads == 0 ? "Chosen by the runtime" : "\(threads)", value: $threads, in: 0...6)
        }
      }
      .overlay {
        if model.phase == .copying { ProgressView("Copying") }
        if model.phase == .loading { ProgressView("Opening") }
      }
      .navigationTitle("Models")
      .toolbar { Button("Add", systemImage: "plus") { picking = true } }
      .fileImporter(isPresented: $picking, allowedContentTypes: [.folder]) { result in
        switch result {
        case .success(let folder): model.add(folder)
        case .failure(let error): model.failure = error.localizedDescription
        }
      }
    }
  }
}
