import MmoeApp
import SwiftUI

struct ArtifactsScreen: View {
  @Bindable var model: AppModel
  @State private var picking = false

  var body: some View {
    NavigationStack {
      List {
        Section("In this app") {
          ForEach(model.artifacts) { artifact in
            Button {
              model.open(artifact)
            } label: {
              HStack {
                Text(verbatim: artifact.name)
                Text(verbatim: artifact.processor.rawValue).font(.caption).foregroundStyle(.secondary)
                Spacer()
                Text("\(artifact.programBytes / 1_000_000) MB").font(.caption).foregroundStyle(.secondary)
                if artifact == model.opened { Image(systemName: "checkmark").accessibilityLabel("Open") }
              }
            }
            .swipeActions { Button("Delete", systemImage: "trash", role: .destructive) { model.delete(artifact) } }
            .disabled(model.phase != .idle)
          }
        }
        DownloadsSection(downloads: model.downloads, catalogue: $model.settings.catalogue)
      }
      .overlay {
        if case .copying(let done, let total) = model.phase {
          VStack {
            ProgressView("Copying", value: Double(done), total: Double(max(total, 1)))
            Button("Stop") { model.stop() }
          }
          .padding()
          .background(.bar)
        }
        if model.phase == .loading { ProgressView("Opening").padding().background(.bar) }
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
