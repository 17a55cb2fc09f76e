// swift-tools-version: 6.2
import PackageDescription

// Modules and who may import whom: docs/architecture.md. `tools/test` builds with
// `--explicit-target-dependency-import-check error`, so that an undeclared import does not compile.

let swift: [SwiftSetting] = [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]
let c: [CSetting] = [.treatAllWarnings(as: .error), .define("_GNU_SOURCE")]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swift)
}

func cLibrary(_ name: String, _ dependencies: [Target.Dependency] = [], link: [LinkerSetting] = []) -> Target {
  .target(name: name, dependencies: dependencies, cSettings: c, linkerSettings: link)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swift)
}

let package = Package(
  name: "edgerun",
  products: [
    .library(name: "Format", targets: ["Format"]),
    .library(name: "Quantize", targets: ["Quantize"]),
    .library(name: "Runtime", targets: ["Runtime"]),
    .library(name: "Vision", targets: ["Vision"]),
    .library(name: "Trainer", targets: ["Trainer"]),
    .executable(name: "edgerun", targets: ["edgerun"]),
    .executable(name: "edgetrain", targets: ["edgetrain"]),
  ],
  traits: [
    .trait(name: "MPI", description: "edgetrain under mpirun: training on several machines; needs Open MPI")
  ],
  targets: [
    // System libraries: module maps only.
    .systemLibrary(name: "COpenBLAS"),
    .systemLibrary(name: "COpenCL"),
    .systemLibrary(name: "CJPEG"),
    .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),

    // C: the operating system, the JPEG codec's error handling, the SIMD micro-kernels.
    cLibrary("Platform"),
    cLibrary("JPEGCodec", ["CJPEG"], link: [.linkedLibrary("jpeg")]),
    cLibrary("TrainerKernels"),
    // The texts of OpenCL programs, which OpenCLKernels embeds.
    .target(name: "OpenCLKernels", exclude: ["programs"], cSettings: c),
    cLibrary("Kernels", link: [.linkedLibrary("pthread"), .linkedLibrary("m")]),

    // Processes of one training run; empty without the trait.
    .target(
      name: "MessagePassing", dependencies: [.target(name: "CMPI", condition: .when(traits: ["MPI"]))],
      cSettings: c + [.define("EDGERUN_MPI", .when(traits: ["MPI"]))]),

    // The device side: no Foundation; also builds as Embedded Swift (tools/build-device).
    library("Format", ["Platform"]),
    library("Quantize", ["Format"]),
    library("Runtime", ["Format", "Quantize", "Kernels", "Platform"]),
    library("Vision", ["Format", "JPEGCodec", "Platform"]),
    .executableTarget(
      name: "edgerun", dependencies: ["Runtime", "Quantize", "Vision", "Format", "Platform", "Terminal"],
      swiftSettings: swift),

    // What both commands need: options, text tables, JSON, numbers as text. No Foundation either.
    library("Terminal", ["Platform"]),

    // The workstation side.
    library(
      "Trainer",
      [
        "Format", "Quantize", "Vision", "Platform", "Terminal", "Kernels", "COpenBLAS", "TrainerKernels", "COpenCL",
        "OpenCLKernels",
      ]),
    .executableTarget(
      name: "edgetrain",
      dependencies: [
        "Trainer", "Runtime", "Quantize", "Vision", "Format", "Platform", "Terminal",
        .target(name: "MessagePassing", condition: .when(traits: ["MPI"])),
      ],
      swiftSettings: swift),

    // What several suites share: seeds, random networks.
    .target(
      name: "TestSupport", dependencies: ["Format", "Quantize"], path: "Tests/TestSupport", swiftSettings: swift),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter", cSettings: c),
    tests("FormatTests", ["Format", "Quantize", "TestSupport"], exclude: ["Fixtures"]),
    tests("TerminalTests", ["Terminal"]),
    tests("RuntimeTests", ["Runtime", "Quantize", "Format", "TestSupport", "AllocationCounter"]),
    tests("EdgerunTests", ["edgerun", "Terminal", "Quantize", "Format", "TestSupport"]),
    tests("QuantizeTests", ["Quantize", "Format", "TestSupport"]),
    tests("VisionTests", ["Vision", "Format", "JPEGCodec"]),
    tests("KernelsTests", ["Kernels", "TestSupport"]),
    tests(
      "TrainerTests", ["Trainer", "Format", "Quantize", "Vision", "Platform", "Terminal", "COpenCL"],
      exclude: ["Golden"]),
    // Runs the two programs, which its dependencies get built; and uses edgetrain's own evaluation.
    tests("EndToEndTests", ["edgetrain", "edgerun", "Trainer", "Quantize", "Runtime", "Vision", "Terminal", "Format"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
