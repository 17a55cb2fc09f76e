import Testing

@testable import Runtime

@Suite struct CatalogTests {
  @Test func everySupportedTierHasItsKernels() {
    for isa in ISA.supported {
      let catalog = KernelCatalog(for: isa)
      #expect(Set(catalog.entries.map { $0.name }).count == catalog.entries.count)
      // Names end with the tier, and what is used runs here.
      #expect(catalog.entries.allSatisfy { $0.name.hasSuffix("__" + $0.isa.name) })
      #expect(catalog.entries.allSatisfy { !$0.isUsed || $0.isSupported })
      #expect(catalog.entries.contains { $0.isUsed && $0.name.hasPrefix("f32_igemm") })
    }
  }

  @Test func productsAndDepthwiseConvolutionsAreMeasured() throws {
    for entry in KernelCatalog(for: .best).entries where entry.isSupported {
      let rate = try entry.measure(milliseconds: 1)
      let isMeasured = ["igemm", "s16_gemm", "dwconv"].contains { entry.name.contains($0) }
      #expect((rate != nil) == isMeasured && rate ?? 1 > 0, "\(entry.name)")
    }
  }
}
