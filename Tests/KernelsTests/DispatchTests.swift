import Kernels
import Testing

@Suite struct DispatchTests {
  @Test func everyTierHasAKernelForEveryFamily() {
    for tier in 0..<UInt32(KERNELS_ISA_COUNT) {
      let isa = kernels_isa(rawValue: tier)!
      for family in 0..<UInt32(KERNEL_FAMILY_COUNT) {
        let best = kernels_best(isa, kernel_family(rawValue: family)!)
        #expect(best.pointee.family.rawValue == family)
        #expect(best.pointee.taps == 0)
        #expect(kernels_isa_includes(isa, best.pointee.isa))
      }
    }
  }

  @Test func namesOfTiersLeadBackToThem() {
    for tier in 0..<UInt32(KERNELS_ISA_COUNT) {
      let isa = kernels_isa(rawValue: tier)!
      var found = kernels_isa.scalar
      #expect(kernels_isa_named(kernels_isa_name(isa), &found))
      #expect(found == isa)
    }
    var found = kernels_isa.scalar
    #expect(!kernels_isa_named("", &found))
    #expect(!kernels_isa_named("avx", &found))
  }

  @Test func theScalarTierRunsEverywhereAndTheBestOneHere() {
    #expect(kernels_isa_supported(.scalar))
    #expect(kernels_isa_supported(kernels_best_isa()))
  }

  @Test func thereIsAPeakWhereInstructionsAreWrittenOut() {
    for tier in 0..<UInt32(KERNELS_ISA_COUNT) {
      let isa = kernels_isa(rawValue: tier)!
      guard kernels_isa_supported(isa) else { continue }
      let (f32, s8) = (kernels_measure_peak(isa, false, 5), kernels_measure_peak(isa, true, 5))
      #expect(f32.isNaN ? isa == .scalar : f32 > 0 && f32.isFinite)
      #expect(s8.isNaN ? isa == .scalar : s8 > 0 && s8.isFinite)
    }
  }

  @Test func namesAreUniqueAndLeadBackToTheirKernels() {
    for index in 0..<kernels_count() {
      let kernel = kernels_at(index)
      #expect(kernels_named(kernel.pointee.name) == kernel)
      let tier = String(cString: kernels_isa_name(kernel.pointee.isa))
      #expect(String(cString: kernel.pointee.name).hasSuffix("__" + tier))
    }
    #expect(kernels_named("f32_igemm") == nil)
  }
}
