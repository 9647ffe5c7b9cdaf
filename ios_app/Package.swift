// swift-tools-version:6.0
import PackageDescription

// The app's state, without SwiftUI, so that it is built and tested on Linux, too. The screens in App/ belong to the Xcode
// project that project.yml describes.
let package = Package(
  name: "MmoeApp",
  platforms: [.iOS(.v17), .macOS(.v14)],
  products: [.library(name: "MmoeApp", targets: ["MmoeApp"])],
  dependencies: [.package(name: "Mmoe", path: "../runtime_bindings/swift")],
  targets: [
    .target(
      name: "MmoeApp",
      dependencies: [.product(name: "Mmoe", package: "Mmoe"), .product(name: "MmoeDownload", package: "Mmoe")]),
    .testTarget(name: "MmoeAppTests", dependencies: ["MmoeApp"]),
  ]
)
