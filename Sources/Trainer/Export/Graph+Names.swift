import Format

extension Graph {
  /// The graph with a name of its own for every tensor and node. Calibration, quantization and transfer tell tensors by
  /// their names, and a layer may be called what a head or a unit is called that stands behind it.
  ///
  /// The first of a name keeps it; "classes" that come later are "classes.2", "classes.3".
  func withNamesOfTheirOwn() -> Graph {
    var graph = self
    var tensorNames = Set<String>()
    for index in tensors.indices { graph.tensors[index].name = tensorNames.insertNew(tensors[index].name) }
    var nodeNames = Set<String>()
    for index in nodes.indices { graph.nodes[index].name = nodeNames.insertNew(nodes[index].name) }
    return graph
  }
}

extension Set<String> {
  /// Inserts `name`, or if it is there, that name with the first number that is not, and gives what it has inserted.
  fileprivate mutating func insertNew(_ name: String) -> String {
    var (result, number) = (name, 2)
    while !insert(result).inserted {
      result = "\(name).\(number)"
      number += 1
    }
    return result
  }
}
