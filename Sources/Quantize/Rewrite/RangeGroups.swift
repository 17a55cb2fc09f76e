/// Tensors that have to share one quantization: a union–find over their indices.
struct RangeGroups {
  private var parent: [Int]

  init(count: Int) { parent = Array(0..<count) }

  mutating func unite(_ a: Int, _ b: Int) { parent[representative(of: a)] = representative(of: b) }

  /// The same for all tensors of a group. Halves the path on its way.
  mutating func representative(of tensor: Int) -> Int {
    var index = tensor
    while parent[index] != index {
      parent[index] = parent[parent[index]]
      index = parent[index]
    }
    return index
  }
}
