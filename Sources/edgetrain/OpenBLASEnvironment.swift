import Foundation
import Platform

/// OpenBLAS decides at load time, before any code of ours runs, from the environment: so the program starts itself a
/// second time with the right one.
///
/// - `OPENBLAS_CORETYPE=Cooperlake` on a CPU with AVX-512 and bf16: version 0.3.21 does not know newer AMD CPUs and would
///   take its AVX2 kernels, half as fast.
/// - `OPENBLAS_NUM_THREADS=1`: the trainer has threads of its own.
///
/// What the user has set stays. `EDGETRAIN_NO_REEXEC=1` leaves all as it is.
enum OpenBLASEnvironment {
  private static let guardName = "EDGETRAIN_NO_REEXEC"

  /// Returns if the environment is right already, or cannot be made so.
  static func establish() {
    guard platform_environment(guardName) == nil else { return }
    var wanted = [("OPENBLAS_NUM_THREADS", "1")]
    if hasCooperlakeInstructions { wanted.append(("OPENBLAS_CORETYPE", "Cooperlake")) }
    let missing = wanted.filter { platform_environment($0.0) == nil }
    guard !missing.isEmpty else { return }
    for (name, value) in missing { setenv(name, value, 1) }
    // Set in the new process, so that it can never start a third.
    setenv(guardName, "1", 1)
    var arguments = (0..<platform_argument_count()).map { strdup(platform_argument($0)!) }
    arguments.append(nil)
    execv("/proc/self/exe", arguments)
    // Only a failure comes here: the program is right as it is, if slower.
  }

  private static var hasCooperlakeInstructions: Bool {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags") })
    else { return false }
    let flags = Set(line.split(separator: " "))
    return ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16"].allSatisfy {
      flags.contains($0)
    }
  }
}
