// swift-tools-version:6.0
import PackageDescription

// On Linux the core is the shared library that `cmake --install` puts into ../lib; on Apple systems it is compiled here,
// because an app wants one binary, on top of ExecuTorch's own Swift package. Two variables of the environment change that:
//
//   MMOE_EXECUTORCH_PACKAGE   a folder with a package `executorch` to compile the core on, in place of upstream's; on Linux,
//                             too: `.ci/executorch-swift-package` makes a stand-in there, so that this branch is tested
//   MMOE_MLX                  1: link the product `backend_mlx`, which that package must have. Upstream's branches have
//                             none, so it takes a package of one's own build; nothing else needs it
let ownExecuTorch = Context.environment["MMOE_EXECUTORCH_PACKAGE"]

#if os(Linux)
  let compilesCore = ownExecuTorch != nil
#else
  let compilesCore = true
#endif

// Apple's systems run on 64-bit Arm; only the Linux machine that tests this branch may be another.
#if os(Linux) && !arch(arm64)
  let arm = false
#else
  let arm = true
#endif

/// The kernels of an instruction set need flags of their own; which one runs is decided at run time.
func kernels(_ name: String, march: String) -> Target {
  .target(
    name: name,
    cxxSettings: [
      .headerSearchPath("../MmoeCore/cpp"), .unsafeFlags(["-march=" + march, "-ffp-contract=off"]),
    ])
}

func executorch(_ product: String) -> Target.Dependency { .product(name: product, package: "executorch") }

// Statements, because the type checker takes minutes for long expressions of lists.
var notCompiled: [String] = [
  "tests", "tools", "benchmarks", "capi", "cmake", "fuzz", "CMakeLists.txt", "ops/log_level.cpp",
  "kernels/isa/isa_avx2.cpp", "kernels/isa/isa_avx_vnni.cpp", "kernels/isa/isa_avx512_vnni.cpp",
  "kernels/isa/isa_neon_dotprod.cpp", "kernels/isa/isa_neon_i8mm.cpp", "kernels/isa/isa_sme2.cpp",
  // Tables that sources include.
  "core/tokenizer/unicode/canonical.inc", "core/tokenizer/unicode/categories.inc",
  "core/tokenizer/unicode/combining_classes.inc", "core/tokenizer/unicode/compatible.inc",
  "core/tokenizer/unicode/compositions.inc", "core/tokenizer/unicode/decomposed.inc",
  "core/tokenizer/unicode/lowercase.inc", "core/tokenizer/unicode/properties.inc",
  "core/template/unicode_tables.inc",
]
var coreDependencies: [Target.Dependency] = [
  executorch("executorch"), executorch("backend_xnnpack"), executorch("kernels_optimized"),
]
var coreSettings: [CXXSetting] = [
  .headerSearchPath("cpp"),
  .define("MMOE_LIBRARY_VERSION", to: "\"0.1.0\""), .define("MMOE_EXECUTORCH_VERSION", to: "\"1.5.0\""),
  // A fused multiply-add would break the bits that all instruction sets share.
  .unsafeFlags(["-ffp-contract=off"]),
]
var targets: [Target] = [
  .target(name: "Mmoe", dependencies: ["CMmoe"], linkerSettings: compilesCore ? [] : [.linkedLibrary("mmoe")]),
  .executableTarget(name: "mmoe-sample", dependencies: ["Mmoe"]),
  .testTarget(name: "MmoeTests", dependencies: ["Mmoe"]),
  // How artifacts come to a device; of the core it needs nothing.
  .target(name: "MmoeDownload"),
  .testTarget(name: "MmoeDownloadTests", dependencies: ["MmoeDownload"]),
]
var dependencies: [Package.Dependency] = []

if Context.environment["MMOE_MLX"] == "1" { coreDependencies.append(executorch("backend_mlx")) }
if arm {
  coreDependencies += ["MmoeNeonDotprod", "MmoeNeonI8mm"]
  coreSettings += [
    .define("MMOE_HAVE_NEON"), .define("MMOE_HAVE_NEON_DOTPROD"), .define("MMOE_HAVE_NEON_I8MM"),
  ]
  // Xcode 16.3, whose clang has all of SME2.
  #if compiler(>=6.1)
    coreDependencies.append("MmoeSme2")
    coreSettings.append(.define("MMOE_HAVE_SME2"))
  #endif
} else {
  notCompiled.append("kernels/isa/isa_neon.cpp")
}
if compilesCore {
  targets += [
    .target(name: "CMmoe", dependencies: ["MmoeCore"], publicHeadersPath: "."),
    .target(
      name: "MmoeCore", dependencies: coreDependencies, exclude: notCompiled.map { "cpp/" + $0 },
      sources: ["cpp/kernels", "cpp/core", "cpp/ops"], cxxSettings: coreSettings),
  ]
  if arm {
    targets.append(kernels("MmoeNeonDotprod", march: "armv8.2-a+dotprod"))
    targets.append(kernels("MmoeNeonI8mm", march: "armv8.2-a+dotprod+i8mm"))
    #if compiler(>=6.1)
      targets.append(kernels("MmoeSme2", march: "armv8.2-a+dotprod+i8mm+sme2"))
    #endif
  }
  if let ownExecuTorch {
    dependencies.append(.package(name: "executorch", path: ownExecuTorch))
  } else {
    // Upstream makes a branch for each release; programs of 1.5.1 are of the same format.
    dependencies.append(.package(url: "https://github.com/pytorch/executorch.git", branch: "swiftpm-1.5.0"))
  }
} else {
  targets.append(.systemLibrary(name: "CMmoe"))
}

let package = Package(
  name: "Mmoe",
  platforms: [.iOS(.v17), .macOS(.v14)],
  products: [
    .library(name: "Mmoe", targets: ["Mmoe"]),
    .library(name: "MmoeDownload", targets: ["MmoeDownload"]),
    .executable(name: "mmoe-sample", targets: ["mmoe-sample"]),
  ],
  dependencies: dependencies,
  targets: targets,
  cxxLanguageStandard: .cxx17
)
