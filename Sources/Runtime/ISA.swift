import Kernels
import Platform

/// A tier of instructions that kernels are written for.
public struct ISA: Equatable, Sendable {
  let tier: kernels_isa

  init(_ tier: kernels_isa) { self.tier = tier }

  /// The tier of that name.
  ///
  /// - Throws: `RuntimeError.unavailableISA` if there is none or if this CPU does not run it.
  public init(named name: String) throws(RuntimeError) {
    var found = kernels_isa.scalar
    guard kernels_isa_named(name, &found), kernels_isa_supported(found) else {
      throw .unavailableISA(name: name, supported: ISA.supported.map { $0.name })
    }
    tier = found
  }

  /// The tier of that name, whether or not this CPU runs it: to pack weights for it.
  ///
  /// - Throws: `RuntimeError.unknownISA` if there is none.
  public init(packingFor name: String) throws(RuntimeError) {
    var found = kernels_isa.scalar
    guard kernels_isa_named(name, &found) else { throw .unknownISA(name: name, known: ISA.all.map { $0.name }) }
    tier = found
  }

  /// All tiers that there are kernels for.
  public static var all: [ISA] {
    (0..<UInt32(KERNELS_ISA_COUNT)).compactMap { code in kernels_isa(rawValue: code).map { ISA($0) } }
  }

  /// "scalar", "avx2", "avx512vnni", "neoni8mm", …
  public var name: String { String(cString: kernels_isa_name(tier)) }

  /// The highest tier that this CPU runs.
  public static var best: ISA { ISA(kernels_best_isa()) }

  /// All tiers that this CPU runs, plain C first.
  public static var supported: [ISA] {
    (0..<UInt32(KERNELS_ISA_COUNT)).compactMap { code in
      kernels_isa(rawValue: code).flatMap { kernels_isa_supported($0) ? ISA($0) : nil }
    }
  }

  /// Whether a CPU that runs this tier runs the other one too.
  public func includes(_ other: ISA) -> Bool { kernels_isa_includes(tier, other.tier) }

  /// The tier that the environment variable `EDGERUN_ISA` names, the best one if it is not set or empty.
  ///
  /// - Throws: `RuntimeError.unavailableISA`.
  public static func fromEnvironment() throws(RuntimeError) -> ISA {
    guard let value = platform_environment("EDGERUN_ISA"), value.pointee != 0 else { return best }
    return try ISA(named: String(cString: value))
  }
}

/// The most multiply-accumulates a second that one thread makes by a tier's instructions, with nothing loaded or stored; nil where
/// the instructions are the compiler's choice (scalar).
public struct Peak: Sendable {
  public let f32: Double?
  /// Of s8 products summed in s32.
  public let int8: Double?

  /// Measures each for about that time.
  public init(of isa: ISA, milliseconds: Int) {
    let rates = [false, true].map { kernels_measure_peak(isa.tier, $0, UInt32(milliseconds)) }
    f32 = rates[0].isNaN ? nil : rates[0]
    int8 = rates[1].isNaN ? nil : rates[1]
  }
}
