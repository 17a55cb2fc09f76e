import Format
import Testing

@Test func aConstantGivesBackItsElements() {
  #expect(Constant([1.5, -2] as [Float]).elements(as: Float.self) == [1.5, -2])
}
