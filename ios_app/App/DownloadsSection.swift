import MmoeApp
import MmoeDownload
import SwiftUI

/// Where artifacts come from: an address, and what is on its way.
struct DownloadsSection: View {
  let downloads: Downloads
  @Binding var catalogue: String
  @State private var address = ""
  @State private var token = ""

  var body: some View {
    models
    Section {
      TextField("Address or owner/name", text: $address)
        .textInputAutocapitalization(.never)
        .autocorrectionDisabled()
        .keyboardType(.URL)
      SecureField("Access token, if it needs one", text: $token)
      Button("Download", systemImage: "arrow.down.circle") { downloads.add(address, token: token) }
        .disabled(address.isEmpty || downloads.running != nil)
      if let refusal = downloads.refusal { Text(refusal).foregroundStyle(.red) }
      ForEach(downloads.downloads) { row($0) }
    } header: {
      Text("Download")
    } footer: {
      Text("The address of an artifact folder on any web server, or its id on the Hugging Face hub.")
    }
  }

  private var models: some View {
    Section {
      TextField("Address of a catalogue (JSON)", text: $catalogue)
        .textInputAutocapitalization(.never)
        .autocorrectionDisabled()
        .keyboardType(.URL)
      Button("Show", systemImage: "list.bullet") { downloads.show(catalogue, token: token) }.disabled(catalogue.isEmpty)
      ForEach(downloads.catalogue) { entry in
        HStack {
          VStack(alignment: .leading) {
            Text(verbatim: entry.name)
            Text(verbatim: [entry.base, entry.licence].compactMap { $0 }.joined(separator: ", "))
              .font(.caption)
              .foregroundStyle(.secondary)
          }
          Spacer()
          if let bytes = entry.bytes { Text("\(bytes / 1_000_000) MB").font(.caption).foregroundStyle(.secondary) }
          if let address = entry.address {
            Button("Get") { downloads.add(address, token: token) }.disabled(downloads.running != nil)
          }
        }
      }
    } header: {
      Text("Catalogue")
    } footer: {
      Text("A list of models that somebody keeps on a web server; this app has none of its own.")
    }
  }

  private func row(_ download: Download) -> some View {
    VStack(alignment: .leading) {
      HStack {
        Text(download.name)
        Spacer()
        if download.running {
          Button("Pause", systemImage: "pause.circle") { downloads.pause() }
        } else {
          Button("Resume", systemImage: "play.circle") { downloads.resume(download.name, token: token) }
            .disabled(downloads.running != nil)
        }
        Button("Delete", systemImage: "trash", role: .destructive) { downloads.delete(download.name) }
      }
      .labelStyle(.iconOnly)
      .buttonStyle(.borderless)
      ProgressView(value: download.share)
      Text(
        download.problem
          ?? "\(download.doneBytes / 1_000_000) of \(download.totalBytes / 1_000_000) MB"
      )
      .font(.footnote)
      .foregroundStyle(.secondary)
    }
  }
}
