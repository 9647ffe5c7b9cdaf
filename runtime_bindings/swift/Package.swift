// swift-tools-version:6.0
import PackageDescription

// On Linux the core is the shared library that `cmake --install` puts into ../lib; on Apple systems it is compiled here,
// because an app wants one binary, on top of ExecuTorch's own Swift package.
#if os(Linux)
  let dependencies: [Package.Dependency] = []
  let core: [Target] = [.systemLibrary(name: "CMmoe")]
#else
  let dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/pytorch/executorch.git", branch: "swiftpm-1.5.x")
  ]

  // The kernels of an instruction set need flags of their own; which one runs is decided at run time.
  func kernels(_ name: String, march: String) -> Target {
    .target(
      name: name,
      cxxSettings: [
        .headerSearchPath("../MmoeCore/cpp"), .unsafeFlags(["-march=" + march, "-ffp-contract=off"]),
      ])
  }

  let core: [Target] = [
    .target(name: "CMmoe", dependencies: ["MmoeCore"]),
    .target(
      name: "MmoeCore",
      dependencies: [
        "MmoeNeonDotprod", "MmoeNeonI8mm",
        .product(name: "executorch", package: "executorch"),
        .product(name: "backend_xnnpack", package: "executorch"),
        .product(name: "backend_mlx", package: "executorch"),
        .product(name: "kernels_optimized", package: "executorch"),
      ],
      exclude: [
        "cpp/kernels/isa/isa_avx2.cpp", "cpp/kernels/isa/isa_avx512_vnni.cpp", "cpp/kernels/isa/isa_neon_dotprod.cpp",
        "cpp/kernels/isa/isa_neon_i8mm.cpp", "cpp/tests", "cpp/tools", "cpp/benchmarks", "cpp/capi", "cpp/cmake",
        "cpp/fuzz",
        "cpp/CMakeLists.txt", "cpp/ops/log_level.cpp",
      ],
      sources: ["cpp/kernels", "cpp/core", "cpp/ops"],
      cxxSettings: [
        .headerSearchPath("cpp"),
        .define("MMOE_HAVE_NEON"), .define("MMOE_HAVE_NEON_DOTPROD"), .define("MMOE_HAVE_NEON_I8MM"),
        .define("MMOE_LIBRARY_VERSION", to: "\"0.1.0\""), .define("MMOE_EXECUTORCH_VERSION", to: "\"1.5.1\""),
        // A fused multiply-add would break the bits that all instruction sets share.
        .unsafeFlags(["-ffp-contract=off"]),
      ]),
    kernels("MmoeNeonDotprod", march: "armv8.2-a+dotprod"),
    kernels("MmoeNeonI8mm", march: "armv8.2-a+dotprod+i8mm"),
  ]
#endif

let package = Package(
  name: "Mmoe",
  platforms: [.iOS(.v17), .macOS(.v14)],
  products: [
    .library(name: "Mmoe", targets: ["Mmoe"]),
    .executable(name: "mmoe-sample", targets: ["mmoe-sample"]),
  ],
  dependencies: dependencies,
  targets: core + [
    .target(name: "Mmoe", dependencies: ["CMmoe"]),
    .executableTarget(name: "mmoe-sample", dependencies: ["Mmoe"]),
    .testTarget(name: "MmoeTests", dependencies: ["Mmoe"]),
  ],
  cxxLanguageStandard: .cxx17
)
