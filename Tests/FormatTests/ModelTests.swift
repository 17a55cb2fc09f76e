import Testing

@testable import Format

@Test func aConstantGivesBackItsElements() {
  #expect(Constant([1.5, -2] as [Float]).elements(as: Float.self) == [1.5, -2])
}

@Test(arguments: SmallModel.allCases)
func aModelComesBackFromItsBytes(small: SmallModel) throws {
  let model = small.model
  let bytes = try model.encoded()
  let back = try Model(storage: Storage(copying: bytes))
  #expect(back.metadata == model.metadata)
  #expect(back.graph.nodes == model.graph.nodes)
  #expect(back.graph.inputs == model.graph.inputs)
  #expect(back.graph.outputs == model.graph.outputs)
  #expect(back.graph.tensors.count == model.graph.tensors.count)
  for (tensor, original) in zip(back.graph.tensors, model.graph.tensors) {
    #expect(tensor.name == original.name)
    #expect(tensor.type == original.type)
    #expect(tensor.shape == original.shape)
    #expect(tensor.quantization == original.quantization)
    #expect(tensor.constant?.elements(as: UInt8.self) == original.constant?.elements(as: UInt8.self))
  }
  #expect((back.selfTest == nil) == (model.selfTest == nil))
  #expect(back.selfTest?.tolerance == model.selfTest?.tolerance)
  #expect(try back.encoded() == bytes)
}

@Test(arguments: 0..<100 as Range<UInt64>)
func randomGraphsComeBackFromTheirBytes(seed: UInt64) throws {
  let bytes = try Model(graph: .random(seed: seed)).encoded()
  #expect(try Model(storage: Storage(copying: bytes)).encoded() == bytes)
  #expect(try Model(graph: .random(seed: seed)).encoded() == bytes)
}

@Test func constantsOfAReadModelLieInTheFileAligned() throws {
  let storage = Storage(copying: try quantizedModel().encoded())
  let model = try Model(storage: storage)
  for tensor in model.graph.tensors {
    guard let constant = tensor.constant else { continue }
    #expect(constant.storage === storage)
    #expect(UInt(bitPattern: constant.bytes.baseAddress) % 64 == 0)
  }
}
